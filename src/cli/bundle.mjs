// Bundles the command line into a few files. A start of Node.js reads every module of a program: 250 small files
// take 300 ms, a few large ones 70 ms. Each command stays a file of its own, read when it is called. The files
// lie beside those of the library, so that what is found by its place (package.json, the threads) is found alike.
import { readdir, readFile, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { writeNotices } from '../packaging/notices.mjs';

for (const name of await readdir('dist'))
  if (/^cli(-\w+\.js)?$/.test(name)) await rm(`dist/${name}`, { recursive: true });

/**
 * The commands are written against the library's one entrance. esbuild puts all that an entrance leads to into one
 * part that every command loads; so each name is imported from the file that has it.
 */
const pastTheEntrance = {
  name: 'past-the-entrance',
  async setup({ onLoad }) {
    const home = new Map();
    const entrance = await readFile('src/index.ts', 'utf8');
    for (const [, names, file] of entrance.matchAll(/^export (?:type )?\{([^}]*)\} from '(.*)';$/gm))
      for (const name of names.split(',')) home.set(name.replace(/^\s*type /, '').trim(), `.${file}`);
    onLoad({ filter: /\/src\/cli\/[\w-]+\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      // On one line: the lines of the source map stay what they were.
      const contents = source.replace(
        /^import (type )?\{([^}]*)\} from '\.\.\/index\.js';$/gm,
        (all, type, names) => {
          const imports = names
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '' && !name.startsWith('type '));
          if (type !== undefined) return all.replace(/[^\n]+/g, '');
          return (
            imports.map((name) => `import { ${name} } from '${home.get(name)}';`).join(' ') +
            all.replace(/[^\n]+/g, '')
          );
        },
      );
      return { contents, loader: 'ts' };
    });
  },
};

const { metafile } = await build({
  plugins: [pastTheEntrance],
  entryPoints: ['src/cli/start.ts'],
  outdir: 'dist',
  entryNames: 'cli/[name]',
  chunkNames: 'cli-[hash]',
  bundle: true,
  metafile: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Less to read at each start: 20 ms of 280. Names are kept, for the stacks of errors.
  minifyWhitespace: true,
  minifySyntax: true,
  alias: { 'string-width': './src/cli/string-width.ts' },
  // Looked for when they are needed: native and optional modules, and the bar, which is for people only.
  external: ['zlib-sync', 'fzstd', 'cli-progress'],
  // CommonJS packages inside the bundle ask for Node.js' own modules.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
});

await writeNotices(metafile, 'dist/THIRD-PARTY-NOTICES.txt');

// The entry imports the bundle, and is compiled by itself for every Node.js that may come upon it. (See main.ts.)
await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  platform: 'node',
  target: 'node12.20',
});
