"use strict";
function start() {
  const go = new Go();
  WebAssembly.instantiateStreaming(fetch("/game.wasm"), go.importObject).then(
    ({ instance }) => go.run(instance),
    (error) => {
      document.querySelector("#progress").textContent = "The game cannot be loaded: " + error.message;
    },
  );
}
if (opener && name.startsWith("passport-popup-") && location.pathname === "/redirect") {
  // What LoginCallback does in a popup, before the game is loaded. If the page that
  // opened it has been reloaded or left, nobody answers, and the game is played here;
  // the name tells LoginCallback so.
  const taken = (e) => {
    if (!e.isTrusted || e.source !== opener || e.origin !== location.origin) return;
    if (e.data?.source !== "passport-popup" || !e.data.taken) return;
    clearTimeout(alone);
    close();
  };
  const alone = setTimeout(() => {
    removeEventListener("message", taken); // which is too late now
    name = "passport-alone";
    start();
  }, 1000);
  addEventListener("message", taken);
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
} else {
  start();
}
