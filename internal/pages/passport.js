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
// hidden iframe (mode "silent"). Both options may be left out; path must be of
// this origin, and body is what fetch takes. Calls that overlap are one logout
// and share one promise.
//
// It resolves with {mode, app, revocation, passport, url, returnTo, reason}. app,
// revocation and passport say what became of the program's session, of the
// refresh token and of the Passport session; url is where the user can end the
// Passport session if that is "unconfirmed". Mode "redirect" means that the
// page is being left for url; reason says why, if the program asked for "silent".
//
// It rejects with an Error of the name PassportLogoutError with the same
// object as its outcome, and a reason:
//
//   unavailable  the program gave no usable answer: nobody is known to be
//                signed out
//   app          the program could not end its own session
//   blocked      a Content-Security-Policy forbids the iframe (frame-src must
//                allow the auth domain and the callback)
//   isolated     this page is cross-origin isolated, where no iframe shows the
//                auth domain
//   refused      a page came that is not the callback: an error page, or one
//                that may not be framed
//   timeout      nothing came
//   offline      the auth domain cannot be reached, or the program cannot: try
//                again later
//
// With the program's fallback "redirect", its default, the page goes to url
// instead of rejecting with blocked, isolated, refused or timeout. It does so only
// if the auth domain answers, which it looks for first (if connect-src allows it),
// and never from within a frame.
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
// plain way, so that the user sees the program's own answer, unless the browser
// is offline. preventDefault leaves that to you.
//
// Nothing in the page's markup steers this script: it asks the prototypes for
// what an element with a name could hide, and goes only to http and https.
/** @import { Answer, LogoutOptions, LogoutOutcome, Passport, PassportLogoutError, Reason } from "./passport.d.ts" */
(() => {
  "use strict";

  // No element can have the name of a symbol. A second copy has nothing to add.
  const loaded = Symbol.for("passport.js");
  if (window[loaded]) return;

  // What document has of its own: <img name=currentScript> would hide it.
  const own = (name) => Reflect.get(Document.prototype, name, document);
  const create = own("createElement").bind(document);
  const root = own("documentElement");

  const home = own("currentScript")?.dataset.logout ?? "/logout";
  const channel = new BroadcastChannel("passport");
  const key = "passport:logout";
  const atLoad = lastLogout();
  let running, ended;

  // local is an address of this origin, read as the page reads it, unless a <base>
  // leads elsewhere. It is undefined for an address of another origin.
  function local(address) {
    for (const base of [new Request("").url, location.href]) {
      const url = new URL(address, base);
      if (url.origin === location.origin) return url.href;
    }
  }

  /**
   * @param {LogoutOptions} [options]
   * @param {boolean} [byForm]
   * @returns {Promise<LogoutOutcome>}
   */
  function logout({ path = home, body } = {}, byForm) {
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
      if (emit("error", error) && byForm) leave(/** @type {PassportLogoutError} */ (error).outcome, path, body);
      throw error;
    }
  }

  /** @returns {Promise<Answer>} */
  // keepalive: the app session ends even if the user closes the tab now.
  async function post(path, body) {
    let cause;
    try {
      const response = await fetch(local(path) ?? path, {
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
    throw unavailable(cause);
  }

  /**
   * @param {Answer} answer
   * @param {(url: string) => void} [go] leaves the page
   * @returns {Promise<LogoutOutcome>}
   */
  async function finish(answer, go = (url) => location.assign(url)) {
    const { mode, app, revocation, passport, url, returnTo } = answer;
    /** @type {LogoutOutcome} */
    const outcome = { mode, app, revocation, passport, url, returnTo };
    if (!/^https?:\/\//.test(url)) throw unavailable();
    note();
    // Only who was signed in has news for the other tabs.
    if (/^[dp]/.test(app)) channel.postMessage("logout");
    if (mode === "silent") {
      try {
        outcome.passport = await visit(answer);
      } catch (reason) {
        // In a frame the auth domain would show nothing but a blocked page.
        const stays = answer.fallback !== "redirect" || window !== top ? reason : (await answers(url)) ? "" : "offline";
        if (stays) throw failure(/** @type {Reason} */ (stays), { ...outcome, passport: "unconfirmed" });
        Object.assign(outcome, { mode: "redirect", reason });
      }
    }
    if (outcome.mode === "redirect") go(url);
    if (!gone(app)) throw failure("app", outcome);
    return outcome;
  }

  // answers looks whether there is an auth domain to go to. Only what scripts may
  // read tells an error page from another; that anything is there, any answer
  // does. What a policy keeps from being seen is taken to be there.
  async function answers(url) {
    let unseen = crossOriginIsolated;
    const signal = AbortSignal.timeout(3000);
    const look = (mode) => fetch(new URL("/.well-known/openid-configuration", url), {
      mode, cache: "no-store", signal,
    });
    addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
      unseen ||= effectiveDirective === "connect-src";
    }, { signal });
    try {
      // An answer that may not be read has status 0.
      return (await look("cors").catch(() => look("no-cors"))).status < 500;
    } catch {
      // The event may come after the error.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return unseen && navigator.onLine;
    }
  }

  /**
   * @param {Answer} answer
   * @returns {Promise<"done" | "unconfirmed">}
   */
  // visit resolves with what the callback page says of the Passport session, or
  // rejects with the reason why that page was never heard.
  function visit({ url, callback, timeout }) {
    return new Promise((resolve, reject) => {
      if (crossOriginIsolated) return reject("isolated");
      const frame = create("iframe");
      const listening = new AbortController();
      const start = performance.now();
      let grace;

      // A timer that still runs finds nothing left to do. As an option of a listener,
      // listening stands for its signal.
      const end = (settle, value) => {
        listening.abort();
        settle(value);
        // The caller goes on first, for taking a frame away takes time.
        setTimeout(() => frame.remove());
      };
      /** @param {Reason} reason */
      const fail = (reason) => end(reject, reason);

      addEventListener("message", (e) => {
        if (
          e.isTrusted && e.origin === callback && e.source === frame.contentWindow &&
          e.data?.source === "oidc-client"
        ) {
          // Embedded, this page cannot tell whose cookies the iframe was given.
          end(resolve, e.data.passport === "done" && window === top ? "done" : "unconfirmed");
        }
      }, listening);

      addEventListener("securitypolicyviolation", (e) => {
        const { blockedURI } = e;
        if (
          e.isTrusted && e.disposition === "enforce" && e.effectiveDirective === "frame-src" &&
          blockedURI && (url.startsWith(blockedURI) || blockedURI === callback)
        ) {
          fail("blocked");
        }
      }, listening);

      // A provider may show a page of its own on the way to the callback: each
      // gets a second, or as long again as it took to get there.
      frame.onload = () => {
        clearTimeout(grace);
        grace = setTimeout(fail, Math.max(1000, performance.now() - start), "refused");
      };
      setTimeout(fail, timeout, "timeout");

      // Beside the body, which some pages swap.
      frame.style.cssText = "display:none!important";
      frame.src = url;
      root.append(frame);
    });
  }

  // note remembers a logout for the pages of this browser that are not there to
  // hear of it. Whether it succeeded is for the server to say when they ask.
  function note() {
    ended = true;
    try {
      localStorage[key] = Date.now();
    } catch {
      // Storage is forbidden, or full. This page knows.
    }
  }

  function lastLogout() {
    try {
      return localStorage[key];
    } catch {
      // Storage is forbidden.
    }
  }

  function gone(app) {
    return /^[dps]/.test(app); // done, pending or skipped
  }

  function unavailable(cause) {
    const reason = navigator.onLine ? "unavailable" : "offline";
    return failure(reason, { app: "unconfirmed", passport: "unconfirmed" }, cause);
  }

  /**
   * @param {Reason} reason
   * @param {PassportLogoutError["outcome"]} outcome
   * @param {unknown} [cause]
   * @returns {PassportLogoutError}
   */
  function failure(reason, outcome, cause) {
    const message = "passport: logout not completed: " + reason;
    return Object.assign(new Error(message, { cause }), { name: /** @type {const} */ ("PassportLogoutError"), reason, outcome });
  }

  function emit(name, detail) {
    return own("dispatchEvent").call(document, new CustomEvent("passport:" + name, { detail, bubbles: true, cancelable: true }));
  }

  /**
   * @param {Partial<LogoutOutcome>} outcome
   * @param {string} path
   * @param {URLSearchParams} body
   */
  function leave({ mode, app, returnTo }, path, body) {
    if (mode === "redirect") return;
    if (!gone(app)) navigator.onLine && submit(path, body);
    else if (returnTo && local(returnTo)) location.assign(/** @type {string} */ (local(returnTo)));
    else location.reload();
  }

  // submit posts the plain way. It is a form of its own, for the page's would
  // leave out the button that was clicked, and where that leads.
  function submit(path, body) {
    const form = create("form");
    form.method = "POST";
    form.action = local(path);
    // Not as controls: one that is named submit would shadow what comes next.
    form.onformdata = ({ formData }) => {
      for (const field of body) formData.append(...field);
    };
    root.append(form);
    form.submit();
  }

  const submitted = (e) => {
    const { target: form, submitter } = /** @type {SubmitEvent & { target: HTMLFormElement, submitter: HTMLButtonElement? }} */ (e);
    const attribute = /** @type {(name: string) => any} */ (Element.prototype.getAttribute.bind(form));
    const path = submitter?.getAttribute("formaction") ?? attribute("action") ?? "";
    // A button that closes a dialog, or is to lead elsewhere (get), posts nothing. An address
    // of another origin is the browser's to go to, or to refuse.
    if (
      e.defaultPrevented || attribute("data-passport-logout") === null ||
      /^[dg]/i.test(submitter?.formMethod || attribute("method")) || !local(path)
    ) return;
    e.preventDefault();
    logout({ path, body: new URLSearchParams(/** @type {any} */ (new FormData(form, submitter))) }, true).catch(() => {});
  };
  // After the page's own handlers on document, whenever they were added, and before those
  // of scripts that post every form themselves. Turbo puts its own last in the same way,
  // and later: when document captures the event.
  addEventListener("submit", () => own("addEventListener").call(document, "submit", submitted, { once: true }), true);

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
  const [{ type, transferSize } = {}] = /** @type {any[]} */ (performance.getEntriesByType("navigation"));
  if (type === "back_forward" && !transferSize && atLoad) location.reload();

  window[loaded] = window.passport = { logout, finish };
})();
