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
  // opened it has been reloaded or left, nobody answers, and the game is played here.
  const alone = setTimeout(start, 1000);
  addEventListener("message", (e) => {
    if (e.source !== opener || !e.data?.taken) return;
    clearTimeout(alone);
    close();
  });
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
} else {
  start();
}
