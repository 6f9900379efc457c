// What browser.LogoutSilentCallback does, for a page that is loaded into an
// iframe and had better not load the whole game: it tells the page around it that
// the logout is complete. In a popup of LogoutPopup it hands over what came back. At
// top level, and if nobody answers in the popup, it goes on to the game with it.
"use strict";
const goOn = () => location.replace("/" + location.search);
if (parent !== self) {
  parent.postMessage({ source: "oidc-client", url: location.origin + "/", keepOpen: false }, location.origin);
} else if (opener && name.startsWith("passport-popup-")) {
  const taken = (e) => {
    if (!e.isTrusted || e.source !== opener || e.origin !== location.origin) return;
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
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
} else {
  goOn();
}
