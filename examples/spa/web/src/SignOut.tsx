import { useState } from "react";
import { logout, type LogoutOutcome, type PassportLogoutError, type Reason } from "/passport.mjs";

interface Props {
  /** Is told what became of a logout that stayed on the page. */
  onEnd: (outcome: LogoutOutcome) => void;
}

const explanations: Record<Reason, string> = {
  unavailable: "The server does not answer. You may still be signed in.",
  app: "The server could not sign you out. Please try again.",
  offline: "You are offline. Please try again later.",
  blocked: "Your Passport session may still be open.",
  isolated: "Your Passport session may still be open.",
  refused: "Your Passport session may still be open.",
  timeout: "Your Passport session may still be open.",
};

export function SignOut({ onEnd }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  async function signOut() {
    setBusy(true);
    try {
      const outcome = await logout();
      if (outcome.mode === "silent") onEnd(outcome); // else the page is being left
    } catch (e) {
      setBusy(false);
      setProblem(explanations[(e as PassportLogoutError).reason]);
    }
  }

  return (
    <>
      <button onClick={signOut} disabled={busy}>
        Sign out
      </button>
      <p role="status">{problem}</p>
    </>
  );
}
