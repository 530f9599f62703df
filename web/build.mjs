// Builds the page into built/, from which cargo embeds it. The same sources give the same bytes.
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const MOST_SCRIPT = 60_000;
const MOST_PACKED = 30_000;
const here = (path) => new URL(path, import.meta.url).pathname;

await mkdir(here("built"), { recursive: true });
await build({
  entryPoints: { "page": here("src/main.ts") },
  outdir: here("built"),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
});
await build({ entryPoints: { page: here("src/style.css") }, outdir: here("built"), minify: true, target: ["chrome111", "firefox113", "safari16.4"] });
for (const name of ["index.html", "icon.svg"]) await copyFile(here(`src/${name}`), here(`built/${name}`));

// What a browser parses, and what travels to it.
const script = (await stat(here("built/page.js"))).size;
const packed = (name) => gzipSync(readFileSync(here(`built/${name}`)), { level: 9 }).length;
const travels = ["index.html", "page.js", "page.css", "icon.svg"].reduce((sum, name) => sum + packed(name), 0);
console.log(`the script has ${script} bytes of ${MOST_SCRIPT}; ${travels} bytes of ${MOST_PACKED} travel`);
if (script > MOST_SCRIPT || travels > MOST_PACKED) process.exitCode = 1;
