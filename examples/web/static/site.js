// The page without this script works too: its forms are plain forms, and the
// panel is as it was when the page was loaded.
(() => {
  "use strict";

  const panel = document.getElementById("panel");
  let seen = newest(panel);
  let stream;

  function newest(root) {
    return Math.max(0, ...Array.from(root.querySelectorAll("[data-step]"), (li) => Number(li.dataset.step)));
  }

  // show puts a new panel in place, with what is new in it marked for the eye.
  // The status stays the same element, so that a screen reader announces it
  // when it changes, and nothing else.
  function show(html) {
    const next = document.createElement("div");
    next.innerHTML = html;
    const stamps = panel.querySelectorAll(".stamp");
    next.querySelectorAll(".stamp").forEach((stamp, i) => {
      stamp.classList.toggle("new", stamp.textContent !== stamps[i].textContent);
    });
    for (const li of next.querySelectorAll("[data-step]")) {
      li.classList.toggle("new", Number(li.dataset.step) > seen);
    }
    seen = Math.max(seen, newest(next));

    const sum = panel.querySelector(".sum");
    const text = next.querySelector(".sum").textContent;
    if (sum.textContent !== text) {
      sum.textContent = text;
      // Another tab may have signed in or out. A logout of this one shows its
      // end by itself.
      if (!document.querySelector("[aria-busy]")) refresh();
    }
    const focused = panel.contains(document.activeElement) ? document.activeElement.value : null;
    for (const part of [".lamps", ".rest"]) {
      panel.querySelector(part).replaceWith(next.querySelector(part));
    }
    if (focused !== null) panel.querySelector(`button[value="${focused}"]`)?.focus();
  }

  // A tab that nobody looks at needs no stream: browsers allow six a host.
  function follow() {
    stream?.close();
    if (document.hidden) return;
    stream = new EventSource("/live");
    stream.onmessage = (e) => show(e.data);
  }

  // tell reports a step to the server, one after the other.
  let told = Promise.resolve();
  function tell(step) {
    const body = new URLSearchParams({ step, at: Date.now() });
    const send = () => fetch("/steps", { method: "POST", body, keepalive: true });
    told = told.then(send).catch(() => {});
  }

  // refresh shows who is signed in now, without leaving the page.
  async function refresh() {
    const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
    document.title = page.title;
    const account = page.getElementById("account");
    document.getElementById("account").replaceWith(account);
    follow(); // with the cookies as they are now
    return account;
  }

  // What only the page can see of a silent logout.
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.nodeName === "IFRAME") tell("frame");
      for (const node of change.removedNodes) if (node.nodeName === "IFRAME") tell("removed");
    }
  }).observe(document.documentElement, { childList: true });

  addEventListener("message", (e) => {
    if (e.origin === location.origin && e.data?.source === "oidc-client") tell("message");
  });

  document.addEventListener("submit", (e) => {
    if (e.target.matches("[data-passport-logout]")) e.target.setAttribute("aria-busy", "true");
  });

  document.addEventListener("passport:logout", async (e) => {
    if (e.detail.mode === "redirect") return;
    e.preventDefault();
    if (e.detail.remote) tell("told");
    const account = await refresh();
    if (!e.detail.remote) account.focus({ preventScroll: true });
  });

  document.addEventListener("passport:error", async (e) => {
    const { reason } = e.detail;
    if (reason === "unavailable" || reason === "app") return; // the form is submitted the plain way
    e.preventDefault();
    tell(reason);
    (await refresh()).focus({ preventScroll: true });
  });

  panel.addEventListener("submit", async (e) => {
    e.preventDefault();
    await fetch(e.target.action, { method: "POST", body: new URLSearchParams(new FormData(e.target, e.submitter)), redirect: "manual" });
  });

  document.addEventListener("visibilitychange", follow);
  addEventListener("pageshow", follow);
})();
