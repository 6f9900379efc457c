import { useCallback, useEffect, useState } from "react";
import "/passport.mjs"; // sends the events

interface Session {
  signed_in: boolean;
  profile?: { sub: string; email?: string };
}

/** Who is signed in: undefined until the server has answered. It is asked again when a user signs out, in whatever tab. */
export function useSession(): Session | undefined {
  const [session, setSession] = useState<Session>();
  const ask = useCallback(async () => {
    const response = await fetch("/session");
    setSession(await response.json());
  }, []);
  useEffect(() => {
    void ask();
    document.addEventListener("passport:logout", ask);
    return () => document.removeEventListener("passport:logout", ask);
  }, [ask]);
  return session;
}
