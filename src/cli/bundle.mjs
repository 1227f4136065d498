// Bundles the command line into a few files. A start of Node.js reads every module of a program: 250 small files
// take 300 ms, a few large ones 70 ms. Each command stays a file of its own, read when it is called. The files
// lie beside those of the library, so that what is found by its place (package.json, the threads) is found alike.
import { readdir, readFile, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build, transform } from 'esbuild';
import { writeNotices } from '../packaging/notices.mjs';

for (const name of await readdir('dist'))
  if (/^cli(-\w+\.js)?$/.test(name)) await rm(`dist/${name}`, { recursive: true });

/** Where each name of the library's one entrance is from. */
const home = new Map();
const entrance = await readFile('src/index.ts', 'utf8');
for (const [, names, file] of entrance.matchAll(/^export (?:type )?\{([^}]*)\} from '(.*)';$/gm))
  for (const name of names.split(',')) home.set(name.replace(/^\s*type /, '').trim(), `.${file}`);

/**
 * The commands are written against the library's one entrance. esbuild puts all that an entrance leads to into one
 * part that every command loads; so each name is imported from the file that has it.
 */
function pastTheEntranceOf(source) {
  // On one line: the lines of the source map stay what they were.
  return source.replace(/^import (type )?\{([^}]*)\} from '\.\.\/index\.js';$/gm, (all, type, names) => {
    const imports = names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '));
    const lines = all.replace(/[^\n]+/g, '');
    if (type !== undefined) return lines;
    return imports.map((name) => `import { ${name} } from '${home.get(name)}';`).join(' ') + lines;
  });
}

const pastTheEntrance = {
  name: 'past-the-entrance',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/cli\/[\w-]+\.ts$/ }, async ({ path }) => ({
      contents: pastTheEntranceOf(await readFile(path, 'utf8')),
      loader: 'ts',
    }));
  },
};

/** A third of what a command reads are the generated validators, whose names no stack shows: they are shortened. */
const shortValidators = {
  name: 'short-validators',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/manifest\/validators\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts', minify: true });
      return { contents: code, loader: 'js' };
    });
  },
};

const START = 'src/cli/start.ts';
/** In bytes. */
const SMALL = 20_000;

/**
 * esbuild makes a part for each set of files that the same commands share, and most of these parts are tiny: each costs
 * a start half a millisecond. Here every command asks for all small ones, so that esbuild puts them into one.
 */
function smallTogether({ outputs }) {
  const filesOf = ({ inputs }) => Object.keys(inputs).filter((file) => file.startsWith('src/'));
  const isShared = ({ entryPoint, bytes }) => entryPoint === undefined && bytes < SMALL;
  const small = new Map(Object.entries(outputs).filter(([, output]) => isShared(output)));
  // One that leads to what is large, or to modules of Node.js that not every command loads, stays by itself.
  const everywhere = /^node:(?:crypto|fs|fs\/promises|module|os|path|timers\/promises|util)$/;
  const leadsAway = ({ path, kind, external }) =>
    kind === 'import-statement' && !(external ? everywhere.test(path) : small.has(path));
  for (let before = -1; before !== small.size; ) {
    before = small.size;
    for (const [path, { imports }] of small) if (imports.some(leadsAway)) small.delete(path);
  }
  const files = [...small.values()].flatMap(filesOf);
  const entries = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
  return {
    name: 'small-together',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^small-together$/ }, () => ({ path: 'small-together', namespace: 'small' }));
      onLoad({ filter: /.*/, namespace: 'small' }, () => ({
        contents: files.map((file) => `import ${JSON.stringify(resolve(file))};`).join(' '),
        resolveDir: process.cwd(),
      }));
      for (const entry of entries.filter((path) => path.startsWith('src/') && path !== START))
        onLoad({ filter: new RegExp(`${entry.replaceAll('.', '\\.')}$`) }, async ({ path }) => ({
          contents: `import 'small-together'; ${pastTheEntranceOf(await readFile(path, 'utf8'))}`,
          loader: 'ts',
        }));
    },
  };
}

const options = {
  entryPoints: [START],
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
  external: ['zlib-sync', 'fzstd', 'xz-decompress', 'cli-progress'],
  // CommonJS packages inside the bundle ask for Node.js' own modules.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
  // Of smallTogether: what it imports for nothing but its place is dropped where nobody needs it, which is right.
  logOverride: { 'ignored-bare-import': 'silent' },
};
const plugins = [pastTheEntrance, shortValidators];
const tried = await build({ ...options, plugins, write: false });
const { metafile } = await build({ ...options, plugins: [smallTogether(tried.metafile), ...plugins] });

await writeNotices(metafile, 'dist/THIRD-PARTY-NOTICES.txt');

// The entry imports the bundle, and is compiled by itself for every Node.js that may come upon it. (See main.ts.)
await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  platform: 'node',
  target: 'node12.20',
});
