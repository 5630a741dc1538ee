import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// While one works on the page, `npm run dev` hands on to the server (or to dev/fake.py) what is the server's.
const server = "http://127.0.0.1:8765";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  server: { proxy: { "/api": server, "/ws": { target: server, ws: true } } },
  build: {
    outDir: "../src/vitral/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // no data: addresses: the page's policy allows its own origin alone
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
