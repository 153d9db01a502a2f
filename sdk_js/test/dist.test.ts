/** What the build promises: sizes, hashes, ES2019, no evaluation of text, no address of a registry in the lock file. */
// @ts-ignore: types of Node are not installed, the build needs none
import { readFileSync } from "node:fs";
// @ts-ignore
import { createHash } from "node:crypto";
import { build } from "esbuild";
import { expect, it } from "vitest";

const read = (name: string): string => readFileSync(new URL("../" + name, import.meta.url), "utf8");
const { files } = JSON.parse(read("dist/manifest.json")) as {
  files: Record<string, { hashed: string; bytes: number; gzip: number; integrity: string }>;
};
const { budget } = JSON.parse(read("package.json"));

it("the core is within its budget, and everything is", () => {
  const scripts = Object.entries(files).filter(([name]) => name.endsWith(".js") && name !== "netiv-short.js");
  expect(files["netiv.js"]!.gzip).toBeLessThanOrEqual(budget.core);
  expect(files["netiv-short.js"]!.gzip).toBeLessThanOrEqual(budget.core);
  expect(scripts.reduce((sum, [, file]) => sum + file.gzip, 0)).toBeLessThanOrEqual(budget.everything);
});

it.each(Object.keys(files))("%s is what the manifest says", (name) => {
  const content = read("dist/" + name);
  const file = files[name]!;
  expect("sha384-" + createHash("sha384").update(content).digest("base64")).toBe(file.integrity);
  expect(read("dist/" + file.hashed)).toBe(content);
  expect(content).not.toMatch(/\beval\(|new Function|\.innerHTML|document\.write/);
});

it.each(Object.keys(files))("%s is ES2019", async (name) => {
  const { warnings, outputFiles } = await build({
    stdin: { contents: read("dist/" + name), loader: "js" },
    target: "es2019",
    write: false,
    charset: "utf8",
    minify: true,
  });
  expect(warnings).toEqual([]);
  // nothing had to be lowered: no optional chaining, no nullish coalescing
  expect(read("dist/" + name)).not.toMatch(/\?\.[a-zA-Z_$([]|\?\?/);
  expect(outputFiles![0]!.text.length).toBeGreaterThan(100);
});

it("the core asks for the automatic parts it was built with", () => {
  const { hashed } = files["netiv-auto.js"]!;
  expect(read("dist/netiv.js")).toContain('"/' + hashed + '"');
  expect(read("dist/netiv-short.js")).toContain('"/' + hashed.replace("netiv.", "") + '"');
});

it("the script exports nothing and the lock file names no registry", () => {
  expect(read("dist/netiv.js")).not.toMatch(/export|module\b/);
  expect(read("package-lock.json")).not.toMatch(/https?:\/\/[^"]*registry|"resolved"/);
});

it("the types find each other, as Node resolves modules", () => {
  const look = (name: string, seen: Set<string>): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    for (const path of read("dist/types/" + name).match(/(?<=from ")[^"]*/g) || [])
      look(new URL(path, "file:///" + name).pathname.slice(1).replace(/\.js$/, ".d.ts"), seen);
    return seen;
  };
  expect([...look("index.d.ts", new Set())]).toContain("client.d.ts");
});
