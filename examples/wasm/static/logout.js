// What browser.LogoutSilentCallback does, for a page that is loaded into an
// iframe and had better not load the whole game: it tells the page around it that
// the logout is complete. In a popup of LogoutPopup it hands over what came back, and
// at top level it goes on to the game with it.
"use strict";
if (parent !== self) {
  parent.postMessage({ source: "oidc-client", url: location.origin + "/", keepOpen: false }, location.origin);
} else if (opener && name.startsWith("passport-popup-")) {
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
  close();
} else {
  location.replace("/" + location.search);
}
