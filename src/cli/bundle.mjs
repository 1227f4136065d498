// Bundles the command line into a few files. Node.js reads all modules of a program when it starts: 250 small files
// take 300 ms, a few large ones 70 ms. Each command stays a separate file, which is read when it is used. The files
// are beside those of the library, so that relative paths (to package.json and the threads) are the same.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build, transform } from 'esbuild';
import { noticesOf } from '../packaging/notices.mjs';

for (const name of await readdir('dist'))
  if (/^cli(-\w+\.c?js)?$/.test(name)) await rm(`dist/${name}`, { recursive: true });

/** The file of each name that src/index.ts exports. */
const home = new Map();
const entrance = await readFile('src/index.ts', 'utf8');
for (const [, names, file] of entrance.matchAll(/^export (?:type )?\{([^}]*)\} from '(.*)';$/gm))
  for (const name of names.split(',')) home.set(name.replace(/^\s*type /, '').trim(), `.${file}`);

/**
 * Replaces imports from src/index.ts, which the commands use, by imports from the files that define the names.
 * Otherwise esbuild would put everything that index.ts exports into one chunk that every command loads.
 */
function pastTheEntranceOf(source) {
  // On one line, so that the lines of the source map stay the same.
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

/** Minifies the generated validators, which are a third of what a command reads; their names appear in no stack. */
const shortValidators = {
  name: 'short-validators',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/(?:manifest|lock)\/validators\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts', minify: true });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Minifies packages, which are two thirds of what a command reads. Exported names stay. */
const shortPackages = {
  name: 'short-packages',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path }) => {
      const source = withoutHTTP2(path, await readFile(path, 'utf8'));
      const { code } = await transform(source, { loader: 'js', target: TARGET, minify: true });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Lets undici load HTTP/2, which lading does not use, only for a connection that speaks it. */
function withoutHTTP2(path, source) {
  if (!/undici[\\/]lib[\\/]dispatcher[\\/]client\.js$/.test(path)) return source;
  const eager = "const connectH2 = require('./client-h2.js')";
  if (!source.includes(eager)) throw new Error('undici loads HTTP/2 in another way: change withoutHTTP2');
  return source.replace(eager, "const connectH2 = (...given) => require('./client-h2.js')(...given)");
}

/**
 * What undici requires only for bodies of fetch, and on processors without SIMD. These parts get files of their own:
 * otherwise they would be a half of what is read of undici.
 */
const RARE = {
  'undici-fetch-body': 'node_modules/undici/lib/web/fetch/body.js',
  'undici-plain-llhttp': 'node_modules/undici/lib/llhttp/llhttp-wasm.js',
};
const rareApart = {
  name: 'rare-apart',
  setup({ onResolve }) {
    for (const [name, file] of Object.entries(RARE)) {
      const end = file.replace(/^.*\/lib\/[^/]*/, '').replaceAll('.', '\\.');
      onResolve({ filter: new RegExp(`${end}$`) }, ({ kind, path, resolveDir }) =>
        kind === 'require-call' && resolve(resolveDir, path) === resolve(file)
          ? { path: `./cli-${name}.cjs`, external: true }
          : undefined,
      );
    }
  },
};

const TARGET = 'node20.19';
const START = 'src/cli/start.ts';
/** Size in bytes below which a chunk is small. */
const SMALL = 20_000;

/**
 * Makes every command import all small chunks, so that esbuild combines them into one. By default it makes a chunk for
 * each set of files that the same commands share; most are tiny, and each costs half a millisecond at a start.
 */
function smallTogether({ outputs }) {
  const filesOf = ({ inputs }) => Object.keys(inputs).filter((file) => file.startsWith('src/'));
  const isShared = ({ entryPoint, bytes }) => entryPoint === undefined && bytes < SMALL;
  const small = new Map(Object.entries(outputs).filter(([, output]) => isShared(output)));
  // A chunk that imports a large one, or modules of Node.js that not every command loads, stays separate.
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

/** Modules of Node.js that most commands do not use, and that take a millisecond or more to load. */
const LOADED_LATE =
  /(?<==|__toESM\()require\(("node:(?:child_process|dns\/promises|http|net|readline|stream\/consumers|stream\/web|tls|v8|vm|worker_threads|zlib)")\)/g;
const LATE = 'const late=name=>new Proxy({},{get:(_,key)=>require(name)[key]});';

/** Makes a module of the bundle load modules of Node.js when it uses them. */
function withLateModules(code) {
  const late = code.replace(LOADED_LATE, 'late($1)');
  return late === code ? code : LATE + late;
}

/**
 * Turns a module of the bundle into CommonJS. esbuild makes chunks of ECMAScript modules only, but Node.js loads files of
 * CommonJS with less work: `ls` of an archive takes 8 % less processor time.
 */
async function asCommonJS(source, { define, ...options } = {}) {
  const { code } = await transform(source, {
    format: 'cjs',
    platform: 'node',
    target: TARGET,
    minifyWhitespace: true,
    minifySyntax: true,
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'bundleURL', ...define },
    ...options,
  });
  const late = withLateModules(code);
  if (!code.includes('bundleURL')) return late;
  return `const bundleURL=require('node:url').pathToFileURL(__filename).href;${late}`;
}

const options = {
  entryPoints: [START],
  outdir: 'dist',
  entryNames: 'cli/[name]',
  chunkNames: 'cli-[hash]',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  metafile: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: TARGET,
  // Saves 20 of 280 ms at each start. Identifiers are kept for the stacks of errors.
  minifyWhitespace: true,
  minifySyntax: true,
  alias: { 'string-width': './src/cli/string-width.ts' },
  // Loaded when they are needed: native and optional modules.
  external: ['zlib-sync', 'fzstd', 'xz-decompress'],
  // smallTogether imports files only to combine them; esbuild rightly drops those that are not used.
  logOverride: { 'ignored-bare-import': 'silent' },
  write: false,
};
const plugins = [pastTheEntrance, shortValidators, rareApart, shortPackages];
const tried = await build({ ...options, plugins });
const { metafile, outputFiles } = await build({
  ...options,
  plugins: [smallTogether(tried.metafile), ...plugins],
});
await mkdir('dist/cli', { recursive: true });
const hash = createHash('sha256');
for (const { text } of outputFiles) hash.update(text);
const LADING_BUILD = JSON.stringify(hash.digest('hex').slice(0, 12));
for (const { path, text } of outputFiles)
  await writeFile(path, await asCommonJS(text, { define: { LADING_BUILD } }));
// The package's own type is that of the library.
await writeFile('dist/cli/package.json', '{"type":"commonjs"}\n');

await build({
  entryPoints: Object.fromEntries(Object.entries(RARE).map(([name, file]) => [`cli-${name}`, file])),
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: TARGET,
  minify: true,
});

// The executable also contains what the threads import, and an optional package; it requires that these are named.
const inExecutable = ['node_modules/bcryptjs', 'node_modules/xz-decompress'];
await writeFile('dist/THIRD-PARTY-NOTICES.txt', await noticesOf(metafile, inExecutable));

// The entry point loads the bundle; it is compiled separately, so that old versions of Node.js can parse it. (See main.ts.)
const main = await readFile('src/cli/main.ts', 'utf8');
const entry = await asCommonJS(main, { loader: 'ts', target: 'node12.20' });
await writeFile('dist/cli/main.js', entry.replace('./start.js', './start.cjs'));
