// Runs in the page that answers a form sent without scripts of the program. It
// replaces itself, so that the back button does not come here again. If the logout
// is not completed, the page becomes the one that says so.
(() => {
  const page = JSON.parse(document.getElementById("logout").textContent);
  const parsed = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));
  passport.finish(page, (url) => location.replace(url)).then(
    ({ mode }) => {
      if (mode === "silent") location.replace(page.returnTo);
    },
    async ({ reason }) => {
      await parsed;
      document.documentElement.innerHTML = reason === "offline" ? page.offline : page.report;
      document.querySelector("main")?.focus();
    },
  );
})();
