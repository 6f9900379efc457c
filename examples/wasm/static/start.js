"use strict";
if (opener && name.startsWith("passport-popup-") && location.pathname === "/redirect") {
  // What LoginCallback does in a popup, before the game is loaded.
  opener.postMessage({ source: "passport-popup", query: location.search }, location.origin);
  close();
} else {
  const go = new Go();
  WebAssembly.instantiateStreaming(fetch("/game.wasm"), go.importObject).then(
    ({ instance }) => go.run(instance),
    (error) => {
      document.querySelector("#progress").textContent = "The game cannot be loaded: " + error.message;
    },
  );
}
