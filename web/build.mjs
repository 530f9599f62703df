// Builds the page into built/, from which cargo embeds it. The same sources give the same bytes.
import { build } from "esbuild";
import { copyFile, mkdir, stat } from "node:fs/promises";

const LIMIT = 60 * 1000;
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

let size = 0;
for (const name of ["page.js", "page.css", "index.html", "icon.svg"]) size += (await stat(here(`built/${name}`))).size;
console.log(`the page has ${size} bytes of ${LIMIT}`);
if (size > LIMIT) process.exitCode = 1;
