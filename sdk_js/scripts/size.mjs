/**
 * Fails when the core or everything together is over its budget, by what `gzip -9 -c FILE | wc -c` says of each file: it packs a
 * little worse than node's zlib, and writes the file's name. Fails too when the pages tell other sizes. Run after `build`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { budget } = JSON.parse(readFileSync("package.json", "utf8"));
const { files } = JSON.parse(readFileSync("dist/manifest.json", "utf8"));
// netiv-short.js is netiv.js under other addresses: a page loads the one or the other
const scripts = Object.keys(files).filter((name) => name.endsWith(".js") && name !== "netiv-short.js");
const packed = (name) => execFileSync("gzip", ["-9", "-c", `dist/${name}`]).length;
const sizes = { core: packed("netiv.js"), everything: scripts.reduce((sum, name) => sum + packed(name), 0) };
for (const [name, size] of Object.entries(sizes)) {
  console.log(`${name}: ${size} of ${budget[name]} bytes`);
  if (size > budget[name]) process.exitCode = 1;
}
const automatic = sizes.core + packed("netiv-auto.js");
const told = { "../README.md": [sizes.core, automatic], "../docs/sdk.md": [sizes.core, automatic, sizes.everything] };
for (const [page, figures] of Object.entries(told)) {
  const text = readFileSync(page, "utf8");
  for (const figure of figures.map((size) => size.toLocaleString("en-US"))) {
    if (text.includes(figure)) continue;
    console.log(`${page} does not tell ${figure} bytes`);
    process.exitCode = 1;
  }
}
