import { defineConfig } from "vite";

// Jira serves each folder from an address of its own, so every path is relative and nothing is
// loaded from anywhere else. Style and script are files: Jira's policy allows none in the page.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
});
