// Builds the console into the directory that the first argument names, and writes a .gz beside each text file.
// The first load (page, script and style of the start page) must stay within BUDGET bytes.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const BUDGET = 60_000;
const TEXT = /\.(html|js|css|svg)$/;
const here = import.meta.dirname;
const out = resolve(process.argv[2] ?? join(here, 'dist'));

const result = await build({
  root: here,
  logLevel: 'warn',
  build: { outDir: out, emptyOutDir: true },
});

const files = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });

const sizes = new Map();
for (const path of files(out)) {
  if (!TEXT.test(path)) continue;
  const packed = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
  // The header has neither a time nor the system's name, so that every computer writes equal files.
  packed.fill(0, 4, 8);
  packed[9] = 255;
  writeFileSync(`${path}.gz`, packed);
  sizes.set(relative(out, path), packed.length);
}

/** Returns the file names that a chunk needs before it can run. */
function needed(chunks, name, seen = new Set()) {
  const chunk = chunks.get(name);
  if (!chunk || seen.has(name)) return seen;
  seen.add(name);
  for (const style of chunk.viteMetadata?.importedCss ?? []) seen.add(style);
  for (const other of chunk.imports) needed(chunks, other, seen);
  return seen;
}

const chunks = new Map(result.output.filter((item) => item.type === 'chunk').map((item) => [item.fileName, item]));
const first = new Set(['index.html']);
for (const chunk of chunks.values()) {
  if (chunk.isEntry || chunk.facadeModuleId?.endsWith('/pages/overview/index.tsx')) {
    needed(chunks, chunk.fileName, first);
  }
}
for (const name of sizes.keys()) if (name.startsWith('assets/theme-')) first.add(name);
const total = [...first].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
console.log(`first load: ${total} bytes gzip in ${first.size} files (at most ${BUDGET})`);
if (total > BUDGET) {
  console.error('The first load is too large. Load what is heavy in a chunk of its own.');
  process.exit(1);
}
