/** Fails when the core or everything together is over its budget (gzip -9). Run after `build`. */
import { readFileSync } from "node:fs";

const { budget } = JSON.parse(readFileSync("package.json", "utf8"));
const { files } = JSON.parse(readFileSync("dist/manifest.json", "utf8"));
// netiv-short.js is netiv.js under other addresses: a page loads the one or the other
const scripts = Object.entries(files).filter(([name]) => name.endsWith(".js") && name !== "netiv-short.js");
const sizes = { core: files["netiv.js"].gzip, everything: scripts.reduce((sum, [, file]) => sum + file.gzip, 0) };
for (const [name, size] of Object.entries(sizes)) {
  console.log(`${name}: ${size} of ${budget[name]} bytes`);
  if (size > budget[name]) process.exitCode = 1;
}
