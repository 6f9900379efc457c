// Runs in the callback page. In an iframe it tells the parent that the auth
// domain's redirect came back, in the words of the JavaScript SDK; only a
// window of the parent's origin hears it. In the popup of a Go program's
// LogoutPopup it hands over what came back, and closes. At top level it goes on to
// the parent.
(() => {
  const { next, url, passport } = document.currentScript.dataset;
  if (parent === window && opener && name.startsWith("passport-popup-")) {
    opener.postMessage({ source: "passport-popup", query: location.search }, url);
    close();
  } else if (parent === window) location.replace(next);
  else parent.postMessage({ source: "oidc-client", url, keepOpen: false, passport }, url);
})();
