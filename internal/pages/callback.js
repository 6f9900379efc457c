// Runs in the callback page. In an iframe it tells the parent that the auth
// domain's redirect came back, in the words of the JavaScript SDK; only a
// window of the parent's origin hears it. In the popup of a Go program's
// LogoutPopup it hands over what came back, and closes. At top level, and in a popup
// whose opener does not answer, it goes on to the parent, with what ties a return to
// its logout if the server does not know it.
(() => {
  const { next, url, passport, state, pass } = document.currentScript.dataset;
  // A cache between here and the program, such as that of a service worker, may answer
  // with the page of an earlier logout: done is that of the state in the address alone.
  const known = !state || [...new URL(location).searchParams.values()].includes(state);
  const goOn = () => {
    const to = new URL(next), guard = pass && new URL(location).searchParams.get(pass);
    if (guard) to.searchParams.set(pass, guard);
    location.replace(to);
  };
  if (parent !== window) parent.postMessage({ source: "oidc-client", url, keepOpen: false, passport: known ? passport : "unconfirmed" }, url);
  else if (opener && name.startsWith("passport-popup-")) {
    const taken = (e) => {
      if (!e.isTrusted || e.source !== opener || e.origin !== new URL(url).origin) return;
      if (e.data?.source !== "passport-popup" || !e.data.taken) return;
      clearTimeout(alone);
      close();
    };
    const alone = setTimeout(() => {
      removeEventListener("message", taken); // which is too late now
      name = "";
      goOn();
    }, 1000);
    addEventListener("message", taken);
    opener.postMessage({ source: "passport-popup", query: location.search }, url);
  } else goOn();
})();
