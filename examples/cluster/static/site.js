// The page without this script works too, but for the stream.
(() => {
  "use strict";

  const status = document.getElementById("stream");
  if (!status) return;
  const source = new EventSource("/live");

  function show(tone, text, instance) {
    status.className = tone;
    status.textContent = text;
    if (!instance) return;
    const badge = document.createElement("b");
    badge.className = "badge " + instance;
    badge.textContent = instance;
    status.append(" ", badge);
  }

  // over leaves the page as it was, with nothing left to press.
  function over(text) {
    source.close();
    show("over", text + ". ");
    const again = document.createElement("a");
    again.href = "/";
    again.textContent = "Go on";
    status.append(again);
    document.title = text;
    for (const button of document.querySelectorAll("button")) button.disabled = true;
  }

  source.addEventListener("carried", (e) => show("alive", "Carried by instance", e.data));
  source.addEventListener("ended", (e) => over(e.data));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) over("Signed out"); // the server refuses to go on
    else show("lost", "Lost the connection; trying again …");
  });
})();
