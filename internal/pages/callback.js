// Runs in the callback page. In an iframe it tells the parent that the auth
// domain's redirect came back, in the words of the JavaScript SDK; only a
// window of the parent's origin hears it. At top level it goes on to the parent.
(() => {
  const { next, url, passport } = document.currentScript.dataset;
  if (parent === window) location.replace(next);
  else parent.postMessage({ source: "oidc-client", url, keepOpen: false, passport }, url);
})();
