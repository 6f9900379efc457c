// Types of passport.js, for both of its forms:
//
//   import passport, { logout } from "/passport.mjs";
//
//   <script src="/passport.js" defer></script>     and the global passport
//
// Outcomes, reasons and events are explained in docs/passport-js.md.

/** What became of one of the sessions, or of the refresh token. */
export type Outcome = "done" | "pending" | "unconfirmed" | "skipped" | "failed" | "unsupported";

/** How the browser ends the Passport session. */
export type Mode = "redirect" | "silent";

/** Why a logout was not completed, or why "silent" became "redirect". */
export type Reason =
  | "unavailable"
  | "app"
  | "blocked"
  | "isolated"
  | "refused"
  | "timeout"
  | "offline";

/** What logout and finish resolve with. */
export interface LogoutOutcome {
  /** "redirect": the page is being left for url. */
  mode: Mode;
  /** The program's session. */
  app: Outcome;
  /** The refresh token. */
  revocation: Outcome;
  /** The Passport session. If it is "unconfirmed", url is where the user can end it. */
  passport: Outcome;
  /** The logout URL on the auth domain. */
  url: string;
  /** Where a form's logout ends: a path that the program has checked. */
  returnTo?: string;
  /** Set if the program asked for "silent" and the mode became "redirect". */
  reason?: Exclude<Reason, "app" | "unavailable" | "offline">;
}

/** What logout and finish reject with. */
export interface PassportLogoutError extends Error {
  name: "PassportLogoutError";
  reason: Reason;
  /** As far as it is known: with "unavailable", no more than app and passport. */
  outcome: Partial<LogoutOutcome> & Pick<LogoutOutcome, "app" | "passport">;
  /** With "unavailable" and "offline": the status of the answer, or the error of fetch. */
  cause?: unknown;
}

export interface LogoutOptions {
  /** Where the program's logout handler answers, on this origin. Default: where the program serves it. */
  path?: string;
  /** What fetch takes. Default: none. */
  body?: BodyInit | null;
}

/** What the program's logout handler answers to a POST with Accept: application/json. */
export interface Answer {
  mode: Mode;
  url: string;
  app: Outcome;
  revocation: Outcome;
  passport: Outcome;
  returnTo?: string;
  /** With "silent": the origin of the callback page. */
  callback?: string;
  /** With "silent": milliseconds. */
  timeout?: number;
  /** With "silent": whether the page is left if the silent logout is not completed. */
  fallback?: "redirect" | "report";
}

/** Posts to the program and does what it answers. Calls that overlap are one logout. */
export declare function logout(options?: LogoutOptions): Promise<LogoutOutcome>;

/** The second half of logout, for pages that make the request themselves. go leaves the page. */
export declare function finish(answer: Answer, go?: (url: string) => void): Promise<LogoutOutcome>;

export interface Passport {
  logout: typeof logout;
  finish: typeof finish;
}

declare const passport: Passport;
export default passport;

/** The detail of passport:logout: this tab's logout, or the news of another's. */
export type LogoutDetail = (LogoutOutcome & { remote: false }) | { remote: true };

export type PassportLogoutEvent = CustomEvent<LogoutDetail>;
export type PassportErrorEvent = CustomEvent<PassportLogoutError>;

declare global {
  /** Set by the classic script, and by the module. */
  var passport: Passport;

  interface Window {
    passport: Passport;
  }

  interface DocumentEventMap {
    /** A logout of this tab or of another. preventDefault keeps a form's logout from leaving the page. */
    "passport:logout": PassportLogoutEvent;
    /** A logout of this tab was not completed. */
    "passport:error": PassportErrorEvent;
  }
}
