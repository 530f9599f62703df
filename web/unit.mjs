// Runs the tests of what needs no browser: bundles them, because node does not read TypeScript, and gives them to its runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";

const here = (path) => new URL(path, import.meta.url).pathname;
const names = readdirSync(here("tests/unit")).filter((name) => name.endsWith(".test.ts"));
rmSync(here(".tests"), { recursive: true, force: true });
await build({
  entryPoints: names.map((name) => here(`tests/unit/${name}`)),
  outdir: here(".tests"),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: ["node20"],
  sourcemap: "inline",
});
const built = names.map((name) => here(`.tests/${name.replace(/\.ts$/, ".mjs")}`));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=tap", ...built], { stdio: "inherit", cwd: here("."), env: { ...process.env, LC_ALL: "en_GB.UTF-8" } });
process.exit(names.length > 0 ? (status ?? 1) : 1);
