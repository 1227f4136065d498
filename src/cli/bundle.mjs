// Bundles the command line into a few files. A start of Node.js reads every module of a program: 250 small files
// take 300 ms, a few large ones 70 ms. Each command stays a file of its own, read when it is called. The files
// lie beside those of the library, so that what is found by its place (package.json, the threads) is found alike.
import { readdir, rm } from 'node:fs/promises';
import { build } from 'esbuild';

for (const name of await readdir('dist')) if (/^cli-\w+\.js(\.map)?$/.test(name)) await rm(`dist/${name}`);

await build({
  entryPoints: ['src/cli/main.ts'],
  outdir: 'dist',
  entryNames: 'cli/[name]',
  chunkNames: 'cli-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  alias: { 'string-width': './src/cli/string-width.ts' },
  // Looked for when they are needed: native and optional modules, and the bar, which is for people only.
  external: ['zlib-sync', 'fzstd', 'cli-progress'],
  // CommonJS packages inside the bundle ask for Node.js' own modules.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
});
