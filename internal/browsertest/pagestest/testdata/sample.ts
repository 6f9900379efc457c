// Uses every outcome, mode, reason and event. A switch that misses one of a union, or
// has one that is not in it, does not compile.
import passport, {
  finish,
  logout,
  type Answer,
  type LogoutOutcome,
  type Mode,
  type Outcome,
  type PassportLogoutError,
  type Reason,
} from "/passport.mjs";

const never = (x: never): string => x;

function outcome(o: Outcome): string {
  switch (o) {
    case "done": return "It has ended.";
    case "pending": return "It is in progress.";
    case "unconfirmed": return "Nobody knows.";
    case "skipped": return "There was none.";
    case "failed": return "It has not ended.";
    case "unsupported": return "It cannot be ended.";
    default: return never(o);
  }
}

function mode(m: Mode): string {
  switch (m) {
    case "redirect": return "The page is being left.";
    case "silent": return "The page stays.";
    default: return never(m);
  }
}

function reason(r: Reason): string {
  switch (r) {
    case "unavailable": return "The program gave no answer.";
    case "app": return "The program could not end its session.";
    case "blocked": return "A policy forbids the iframe.";
    case "isolated": return "The page is isolated.";
    case "refused": return "Another page came.";
    case "timeout": return "Nothing came.";
    case "offline": return "The network is down.";
    default: return never(r);
  }
}

function isLogoutError(e: unknown): e is PassportLogoutError {
  return e instanceof Error && e.name === "PassportLogoutError";
}

export async function signOut(): Promise<string> {
  try {
    const ended: LogoutOutcome = await logout({ path: "/logout", body: new URLSearchParams({ return_to: "/bye" }) });
    const lines = [mode(ended.mode), outcome(ended.app), outcome(ended.revocation), outcome(ended.passport), ended.url];
    if (ended.reason) lines.push(reason(ended.reason));
    if (ended.returnTo) lines.push(ended.returnTo);
    return lines.join("\n");
  } catch (e) {
    if (!isLogoutError(e)) throw e;
    const { app, passport, url } = e.outcome;
    return [reason(e.reason), outcome(app), outcome(passport), url ?? "", String(e.cause)].join("\n");
  }
}

export async function byHand(): Promise<LogoutOutcome> {
  const response = await fetch("/logout", { method: "POST", headers: { Accept: "application/json" } });
  const answer: Answer = await response.json();
  return finish(answer, (url) => location.replace(url));
}

document.addEventListener("passport:logout", (e) => {
  e.preventDefault();
  if (e.detail.remote) return location.reload();
  console.log(outcome(e.detail.passport));
});
document.addEventListener("passport:error", ({ detail }) => console.log(reason(detail.reason), detail.message));

// The global of the classic script is the same.
void window.passport.logout();
void globalThis.passport.finish;
void passport.logout({});
