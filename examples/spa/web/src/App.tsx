import { useEffect, useState } from "react";
import type { LogoutOutcome } from "/passport.mjs";
import { useSession } from "./session";
import { SignOut } from "./SignOut";

export function App() {
  const session = useSession();
  const [ended, setEnded] = useState<LogoutOutcome>();

  if (!session) return <main>Loading…</main>;
  if (session.signed_in) {
    return (
      <main>
        <h1>Hello, {session.profile?.email}</h1>
        <Inventory />
        <SignOut onEnd={setEnded} />
      </main>
    );
  }
  return (
    <main>
      <h1>You are signed out</h1>
      {ended?.passport === "unconfirmed" && (
        <p>
          Your Passport session may still be open. <a href={ended.url}>Sign out of Passport</a>
        </p>
      )}
      <a href="/login">Sign in with Passport</a>
    </main>
  );
}

function Inventory() {
  const [items, setItems] = useState<string[]>([]);
  useEffect(() => {
    fetch("/api/inventory")
      .then((response) => (response.ok ? response.json() : []))
      .then(setItems);
  }, []);
  return (
    <ul>
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}
