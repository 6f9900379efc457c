// Runs in the callback page. In an iframe it tells the parent that the auth
// domain's redirect came back, in the words of the JavaScript SDK; only a
// window of the parent's origin hears it. In the popup of a Go program's
// LogoutPopup it hands over what came back, and closes. At top level it goes on to
// the parent, with what ties a return to its logout if the server does not know it.
(() => {
  const { next, url, passport, pass } = document.currentScript.dataset;
  if (parent === window && opener && name.startsWith("passport-popup-")) {
    opener.postMessage({ source: "passport-popup", query: location.search }, url);
    close();
  } else if (parent === window) {
    const to = new URL(next), guard = pass && new URL(location).searchParams.get(pass);
    if (guard) to.searchParams.set(pass, guard);
    location.replace(to);
  } else parent.postMessage({ source: "oidc-client", url, keepOpen: false, passport }, url);
})();
