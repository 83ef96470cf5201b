// Builds the pages' scripts, styles and pictures into the Python package. Every file's name
// carries a hash of its content; manifest.json maps plain names to hashed ones.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "../src/tillgate/checkout/static/built");
const VIEWER = join(HERE, "node_modules/swagger-ui-dist");

const BUNDLED = ["src/checkout.ts", "src/checkout.css", "src/docs.ts"];
const COPIED = [
  join(HERE, "src/mark.svg"),
  join(VIEWER, "swagger-ui.css"),
  join(VIEWER, "swagger-ui-bundle.js"),
];
const TARGETS = ["chrome109", "edge109", "firefox115", "safari16"];

const { outputFiles } = await build({
  absWorkingDir: HERE,
  entryPoints: BUNDLED,
  outdir: OUT,
  bundle: true,
  minify: true,
  format: "esm",
  target: TARGETS,
  charset: "utf8",
  legalComments: "none",
  write: false,
});
const files = outputFiles.map((file) => [basename(file.path), file.contents]);
for (const path of COPIED) files.push([basename(path), await readFile(path)]);

await mkdir(OUT, { recursive: true });
const manifest = {};
for (const [name, contents] of files) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 10);
  const ending = extname(name);
  manifest[name] = `${basename(name, ending)}-${hash}${ending}`;
  await writeFile(join(OUT, manifest[name]), contents);
}
await writeFile(join(OUT, "swagger-ui-LICENSE.txt"), await readFile(join(VIEWER, "LICENSE")));

// The manifest comes last and in one step: whoever reads it finds every file that it names.
await writeFile(join(OUT, "manifest.json.new"), JSON.stringify(manifest, null, 2) + "\n");
await rename(join(OUT, "manifest.json.new"), join(OUT, "manifest.json"));

const kept = new Set([...Object.values(manifest), "manifest.json", "swagger-ui-LICENSE.txt"]);
for (const name of await readdir(OUT)) if (!kept.has(name)) await rm(join(OUT, name));
