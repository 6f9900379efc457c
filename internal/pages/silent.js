// Runs in the page that answers a form sent without scripts of the program.
// Its fallback is decided here, and not by passport.finish, so that the page
// replaces itself and the back button does not come here again.
(() => {
  const page = JSON.parse(document.getElementById("logout").textContent);
  const report = () => {
    document.getElementById("wait").hidden = true;
    document.getElementById("report").hidden = false;
  };
  passport.finish({ ...page, fallback: "report" }).then(
    () => location.replace(page.returnTo),
    ({ reason }) => {
      if (reason === "app" || page.fallback !== "redirect") report();
      else location.replace(page.url);
    },
  );
})();
