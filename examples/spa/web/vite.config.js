import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// What the Go program answers. Host stays that of the browser: it decides where a
// login comes back.
const backend = { target: "http://localhost:3000", changeOrigin: false };
const paths = ["/login", "/redirect", "/logout", "/session", "/silent-logout", "/passport.mjs", "/api"];

// The Go program serves passport.mjs, of the version that it needs: the address stays
// as it is.
const passport = {
  name: "passport",
  enforce: "pre",
  resolveId: (id) => (id === "/passport.mjs" ? { id, external: true } : undefined),
};

export default defineConfig({
  plugins: [passport, react()],
  server: { proxy: Object.fromEntries(paths.map((path) => [path, backend])) },
});
