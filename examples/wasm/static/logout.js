// What browser.LogoutSilentCallback does, for a page that is loaded into an
// iframe and had better not load the whole game: it tells the page around it that
// the logout is complete, or at top level goes on to the game, and takes along
// what came back.
"use strict";
if (parent === self) {
  location.replace("/" + location.search);
} else {
  parent.postMessage({ source: "oidc-client", url: location.origin + "/", keepOpen: false }, location.origin);
}
