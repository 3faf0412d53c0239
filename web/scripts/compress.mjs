// Writes a brotli copy (quality 11) next to every text and wasm file of a folder: compress.mjs DIR.
// The agent sends the copy as it is, so that nothing is compressed while a run is measured.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const dir = process.argv[2];
if (!dir) {
  console.error("usage: node compress.mjs DIR");
  process.exit(2);
}

let total = 0;
for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(css|html|js|json|svg|wasm)$/.test(entry.name)) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const raw = readFileSync(path);
  const small = brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: 22,
      [constants.BROTLI_PARAM_LGBLOCK]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
      [constants.BROTLI_PARAM_MODE]: path.endsWith(".wasm")
        ? constants.BROTLI_MODE_GENERIC
        : constants.BROTLI_MODE_TEXT,
    },
  });
  writeFileSync(`${path}.br`, small);
  total += small.length;
  console.log(`  ${String(small.length).padStart(7)} B brotli  ${String(raw.length).padStart(8)} B  ${entry.name}`);
}
console.log(`  ${String(total).padStart(7)} B brotli in all`);
