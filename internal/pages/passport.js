// passport.js logs the user out from a page of yours.
//
//   <script src="/passport.js" data-logout="/logout" defer></script>
//
//   const outcome = await passport.logout();
//
// data-logout is the path that the program's logout handler answers at. It may
// be left out: the program that serves this script knows the path. A form needs
// no script of yours, and works without scripts too:
//
//   <form method="post" action="/logout" data-passport-logout>
//     <input type="hidden" name="return_to" value="/bye">
//     <button>Sign out</button>
//   </form>
//
// passport.logout({path, body}) posts to the program and does what the answer
// asks for: it goes to the auth domain (mode "redirect"), or visits it in a
// hidden iframe (mode "silent"). Both options may be left out; body is what
// fetch takes. Calls that overlap are one logout and share one promise.
//
// It resolves with {mode, app, revocation, passport, url, returnTo}. app,
// revocation and passport say what became of the program's session, of the
// refresh token and of the Passport session; url is where the user can end the
// Passport session if that is "unconfirmed". Mode "redirect" means that the
// page is being left for url.
//
// It rejects with an Error of the name PassportLogoutError with the same
// object as its outcome, and a reason:
//
//   unavailable  the program gave no usable answer: nobody is known to be
//                signed out
//   app          the program could not end its own session
//   blocked      a Content-Security-Policy forbids the iframe (frame-src must
//                allow the auth domain and the callback)
//   refused      a page came that is not the callback: an error page, or one
//                that may not be framed
//   timeout      nothing came
//
// The last three are only seen where the program's fallback is "report"; it is
// "redirect" unless set, and then the page goes to url instead.
//
// passport.finish(answer) is the second half alone, for pages that make the
// request themselves: with Accept: application/json, and a POST.
//
// Events on document:
//
//   passport:logout  detail is the outcome and remote: false; or, in the other
//                    tabs, just remote: true, and a hint to look again
//   passport:error   detail is the error
//
// The back button shows no page of before a logout, in whatever tab that was:
// pages with this script which the browser has kept are loaded anew. For them,
// the time of the last logout is in localStorage, under passport:logout.
//
// After a form's logout the page goes to returnTo, which the program has
// checked, or is loaded again; a form whose request failed is submitted the
// plain way, so that the user sees the program's own answer. preventDefault
// leaves that to you.
(() => {
  "use strict";

  const home = document.currentScript?.dataset.logout ?? "/logout";
  const channel = new BroadcastChannel("passport");
  const key = "passport:logout";
  const atLoad = lastLogout();
  let running, ended;

  function logout({ path = home, body } = {}) {
    return start(path, body);
  }

  function start(path, body, byForm) {
    return (running ??= run(path, body, byForm).finally(() => {
      running = undefined;
    }));
  }

  async function run(path, body, byForm) {
    try {
      // Now, for the user may leave before the answer comes.
      note();
      const outcome = await finish(await post(path, body));
      if (emit("logout", { ...outcome, remote: false }) && byForm) leave(outcome, path, body);
      return outcome;
    } catch (error) {
      if (emit("error", error) && byForm) leave(error.outcome, path, body);
      throw error;
    }
  }

  // keepalive: the app session ends even if the user closes the tab now.
  async function post(path, body) {
    let cause;
    try {
      const response = await fetch(path, {
        method: "POST",
        headers: { Accept: "application/json" },
        mode: "same-origin",
        keepalive: true,
        signal: AbortSignal.timeout(30000),
        body,
      });
      cause = response.status;
      const answer = await response.json();
      if (answer.mode) return answer;
    } catch (error) {
      cause ??= error;
    }
    throw failure("unavailable", { app: "unconfirmed", passport: "unconfirmed" }, cause);
  }

  async function finish(answer) {
    const { app, revocation, passport, url, returnTo } = answer;
    const outcome = { mode: answer.mode, app, revocation, passport, url, returnTo };
    note();
    // Only who was signed in has news for the other tabs.
    if (app === "done") channel.postMessage("logout");
    if (outcome.mode === "silent") {
      try {
        outcome.passport = await visit(answer);
      } catch (reason) {
        if (answer.fallback !== "redirect") {
          outcome.passport = "unconfirmed";
          throw failure(reason, outcome);
        }
        outcome.mode = "redirect";
      }
    }
    if (outcome.mode === "redirect") location.assign(url);
    if (!gone(app)) throw failure("app", outcome);
    return outcome;
  }

  // visit resolves with what the callback page says of the Passport session, or
  // rejects with the reason why that page was never heard.
  function visit({ url, callback, timeout }) {
    return new Promise((resolve, reject) => {
      const frame = document.createElement("iframe");
      const listening = new AbortController();
      const { signal } = listening;
      const start = performance.now();
      let grace;

      // A timer that still runs finds nothing left to do.
      const end = (settle, value) => {
        listening.abort();
        settle(value);
        // The caller goes on first, for taking a frame away takes time.
        setTimeout(() => frame.remove());
      };
      const fail = (reason) => end(reject, reason);

      addEventListener("message", (e) => {
        if (
          e.isTrusted && e.origin === callback && e.source === frame.contentWindow &&
          e.data?.source === "oidc-client"
        ) {
          // Embedded, this page cannot tell whose cookies the iframe was given.
          end(resolve, e.data.passport === "done" && window === top ? "done" : "unconfirmed");
        }
      }, { signal });

      document.addEventListener("securitypolicyviolation", (e) => {
        const { blockedURI } = e;
        if (
          e.isTrusted && e.disposition === "enforce" && e.effectiveDirective === "frame-src" &&
          blockedURI && (url.startsWith(blockedURI) || blockedURI === callback)
        ) {
          fail("blocked");
        }
      }, { signal });

      // A provider may show a page of its own on the way to the callback: each
      // gets a second, or as long again as it took to get there.
      frame.addEventListener("load", () => {
        clearTimeout(grace);
        grace = setTimeout(fail, Math.max(1000, performance.now() - start), "refused");
      });
      setTimeout(fail, timeout, "timeout");

      // Beside the body, which some pages swap.
      frame.style.cssText = "display:none!important";
      frame.src = url;
      document.documentElement.append(frame);
    });
  }

  // note remembers a logout for the pages of this browser that are not there to
  // hear of it. Whether it succeeded is for the server to say when they ask.
  function note() {
    ended = true;
    try {
      localStorage.setItem(key, Date.now());
    } catch {
      // Storage is forbidden, or full. This page knows.
    }
  }

  function lastLogout() {
    try {
      return localStorage.getItem(key);
    } catch {
      // Storage is forbidden.
    }
  }

  function gone(app) {
    return app === "done" || app === "skipped";
  }

  function failure(reason, outcome, cause) {
    const error = new Error("passport: logout not completed: " + reason, { cause });
    return Object.assign(error, { name: "PassportLogoutError", reason, outcome });
  }

  function emit(name, detail) {
    return document.dispatchEvent(new CustomEvent("passport:" + name, { detail, bubbles: true, cancelable: true }));
  }

  function leave({ mode, app, returnTo }, path, body) {
    if (mode === "redirect") return;
    if (!gone(app)) submit(path, body);
    else if (returnTo) location.assign(returnTo);
    else location.reload();
  }

  // submit posts the plain way. It is a form of its own, for the page's would
  // leave out the button that was clicked, and where that leads.
  function submit(path, body) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = path;
    for (const [name, value] of body) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
    document.documentElement.append(form);
    // Not form.submit(): a field of that name would shadow it.
    HTMLFormElement.prototype.submit.call(form);
  }

  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (e.defaultPrevented || !form.matches("[data-passport-logout]")) return;
    e.preventDefault();
    const { submitter } = e;
    const body = new URLSearchParams(new FormData(form, submitter));
    const path = submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
    start(path, body, true).catch(() => {});
  });

  channel.onmessage = (e) => {
    if (e.data !== "logout") return;
    ended = true;
    emit("logout", { remote: true });
  };

  // The back button may bring this page back as it was before a logout: alive,
  // or from the browser's cache, which says nothing of the page's age.
  addEventListener("pageshow", (e) => {
    if (e.persisted && (ended || lastLogout() !== atLoad)) location.reload();
  });
  const [{ type, transferSize } = {}] = performance.getEntriesByType("navigation");
  if (type === "back_forward" && !transferSize && atLoad) location.reload();

  window.passport = { logout, finish };
})();
