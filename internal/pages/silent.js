// Runs in the page that answers a form sent without scripts of the program. It
// replaces itself, so that the back button does not come here again.
(() => {
  const page = JSON.parse(document.getElementById("logout").textContent);
  const show = (id) => {
    document.getElementById(id).hidden = false;
  };
  passport.finish(page, (url) => location.replace(url)).then(
    ({ mode }) => {
      if (mode === "silent") location.replace(page.returnTo);
    },
    ({ reason }) => {
      document.getElementById("wait").hidden = true;
      show("report");
      if (reason === "offline") show("offline");
    },
  );
})();
