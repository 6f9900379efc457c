"use strict";
{
  const go = new Go();
  WebAssembly.instantiateStreaming(fetch("/game.wasm"), go.importObject).then(
    ({ instance }) => go.run(instance),
    (error) => {
      document.querySelector("#progress").textContent = "The game cannot be loaded: " + error.message;
    },
  );
}
