/**
 * Bundles every entry to dist/: plain names, content-hashed copies (`netiv.<hash>.js`), and manifest.json with sizes and
 * SRI hashes. The core names the automatic parts by their hash, so the two always fit each other.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { minify } from "terser";

/** Properties of ours that no page sees, shortened in every file alike; o and q are taken. */
const LETTERS = "abcdefghijklmnprstuvwxyz";
const INNER = ["useDisk", "forget", "settle", "soon", "leave", "writeKey", "prefix", "tab", "read", "write", "store", "log", "goal", "cookieMode", "erase", "named"];
const SHARED = ["domain", "save", "landed", "secret", "leaving", "listen", "visitor"];
const mangleCache = Object.fromEntries([...INNER, ...SHARED].map((name, index) => [name, LETTERS[index]]));

const ENTRIES = [
  { name: "netiv-auto.js", entry: "src/auto.ts", format: "iife" },
  { name: "netiv.js", entry: "src/script.ts", format: "iife" },
  // the same for addresses that no list of blocked ones knows: the collector serves it under `NETIV_ALIAS`
  { name: "netiv-short.js", entry: "src/script.ts", format: "iife", events: "/e" },
  { name: "netiv.mjs", entry: "src/index.ts", format: "esm" },
  { name: "netiv-stub.js", entry: "src/stub.ts", format: "iife" },
  { name: "netiv-media.js", entry: "src/modules/media.ts", format: "iife" },
  { name: "netiv-vitals.js", entry: "src/modules/vitals.ts", format: "iife" },
  { name: "netiv-errors.js", entry: "src/modules/errors.ts", format: "iife" },
];

async function bundle({ entry, format, events = "/v1/events" }, auto) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minifySyntax: true,
    format,
    target: "es2019",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
    define: { AUTO: JSON.stringify(auto), EVENTS: JSON.stringify(events) },
    mangleProps: new RegExp(`^(${Object.keys(mangleCache).join("|")})$`),
    mangleCache,
  });
  const { code } = await minify(outputFiles[0].text, {
    ecma: 2019,
    module: true,
    toplevel: true,
    compress: { passes: 4, unsafe_arrows: true, pure_getters: true, booleans_as_integers: true, inline: 1, if_return: false, keep_fargs: false },
    format: { ecma: 2019 },
  });
  return Buffer.from(code);
}

const hashOf = (content, algorithm, encoding) => createHash(algorithm).update(content).digest(encoding);

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
const files = {};
let auto = "";
for (const each of ENTRIES) {
  const { name } = each;
  const content = await bundle(each, each.events ? auto.replace("netiv.", "") : auto);
  const hashed = `netiv.${hashOf(content, "sha256", "hex").slice(0, 10)}.${name.split(".").pop()}`;
  if (name === "netiv-auto.js") auto = "/" + hashed;
  writeFileSync(`dist/${name}`, content);
  writeFileSync(`dist/${hashed}`, content);
  const gzip = gzipSync(content, { level: 9 }).length;
  files[name] = { hashed, bytes: content.length, gzip, integrity: `sha384-${hashOf(content, "sha384", "base64")}` };
  console.log(`${name.padEnd(16)} ${content.length} bytes, ${gzip} gzip`);
}
cpSync("demo", "dist/demo", { recursive: true });
writeFileSync("dist/manifest.json", JSON.stringify({ files }, null, 2) + "\n");
