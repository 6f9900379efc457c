// Every line that ends with "wrong" must not compile, and no other.
import passport, { logout, type Answer, type Outcome, type Reason } from "/passport.mjs";

void logout("/logout"); // wrong
void logout({ url: "/logout" }); // wrong
void logout({ body: { return_to: "/bye" } }); // wrong
void passport.login(); // wrong
const outcome: Outcome = "ended"; // wrong
const reason: Reason = "network"; // wrong
const answer: Answer = { mode: "silent" }; // wrong
logout().then(({ app }) => app === "ok"); // wrong
logout().then(({ session }) => session); // wrong
logout().then(({ reason }) => reason === "app"); // wrong
document.addEventListener("passport:logout", (e) => e.detail.url); // wrong
document.addEventListener("passport:error", (e) => e.detail.remote); // wrong
document.addEventListener("passport:error", (e) => e.detail.reason === "csp"); // wrong
document.addEventListener("passport:error", (e) => e.detail.outcome.url.length); // wrong
window.passport = undefined; // wrong
void [outcome, reason, answer];
