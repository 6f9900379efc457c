// What browser.LogoutSilentCallback does, for a page that is loaded into an
// iframe and had better not load the whole game: it tells the page around it that
// the logout is complete. In a popup of LogoutPopup it hands over what came back. At
// top level, and if nobody answers in the popup, it goes on to the game with it.
"use strict";
const goOn = () => location.replace("/" + location.search);
if (parent !== self) {
  parent.postMessage({ source: "oidc-client", url: location.origin + "/", keepOpen: false }, location.origin);
} else if (opener && name.startsWith("passport-popup-")) {
  const alone = setTimeout(goOn, 1000);
  addEventListener("message", (e) => {
    if (e.source !== opener || !e.data?.taken) return;
    clearTimeout(alone);
    close();
  });
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
} else {
  goOn();
}
