/**
 * Collects what the single executable contains: the files of the program as they are in the package, their compiled
 * code, the threads, package.json, and licenses.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { calledFunctions } from './called-functions.mjs';
import { licensesText } from './licenses.mjs';
import { requireNotices } from './notices.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGING = fileURLToPath(new URL('.', import.meta.url));
/** As src/threads.ts names them. */
const THREADS = [
  'compression/deflate-worker',
  'compression/decompress-worker',
  'hashing/worker',
  'server/access/password-worker',
];
/** Native or unused: Node.js' own zlib decompresses gzip, and the Node.js inside has a decoder for zstd. */
const LEFT_OUT = ['zlib-sync', 'fzstd'];
/** The optional package that is included. */
const XZ = 'xz-decompress';

const bundling = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  metafile: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minify: true,
  legalComments: 'none',
};

/**
 * Writes the assets of the executable into `folder` and returns their paths by name. `node` is the program that
 * compiles, or undefined for another kind of processor.
 */
export async function embeddedAssets(folder, node) {
  const assets = {
    'package.json': join(ROOT, 'package.json'),
  };
  await mkdir(folder, { recursive: true });
  const add = async (name, content) => {
    assets[name] = join(folder, name.replaceAll('/', '-'));
    await writeFile(assets[name], content);
  };
  // No command prints it: who copies the executable alone has the licenses in the copy, too.
  await add('LICENSES.txt', await licensesText());
  const files = await programFiles();
  for (const [name, source] of files) await add(name, source);
  for (const [name, source] of await threads()) await add(name, source);
  if (node !== undefined) {
    const compiled = join(folder, 'compiled');
    await mkdir(compiled);
    const called = join(folder, 'called-functions.json');
    await writeFile(called, JSON.stringify(await calledFunctions(folder, assets, node)));
    const script = join(PACKAGING, 'compile-files.cjs');
    const args = ['--predictable', script, folder, compiled, called, ...files.keys()];
    execFileSync(node, args, { stdio: 'pipe' });
    for (const name of await readdir(compiled)) assets[name] = join(compiled, name);
  }
  return assets;
}

/** Returns the files of dist/ as functions, by their names; they name each other with `./`. */
async function programFiles() {
  const names = (await readdir(join(ROOT, 'dist'))).filter((name) => /^cli-.*\.cjs$/.test(name)).sort();
  const files = [['start.cjs', 'cli/start.cjs'], ...names.map((name) => [name, name])];
  const sources = await Promise.all(
    files.map(async ([name, path]) => {
      const source = await readFile(join(ROOT, 'dist', path), 'utf8');
      // Licenses are in THIRD-PARTY-NOTICES.txt, and their comments have letters that are not ASCII.
      const { code } = await transform(source, { minifyWhitespace: true, legalComments: 'none' });
      const beside = code
        .replaceAll('require("../', 'require("./')
        .replaceAll(`require("${XZ}")`, `require("./${XZ}")`);
      return [name, wrapped(beside)];
    }),
  );
  const text = await bundled({
    stdin: { contents: `module.exports = require('${XZ}');`, resolveDir: ROOT },
  });
  return new Map([...sources, [XZ, wrapped(text)]]);
}

function wrapped(source) {
  if (/[^\0-\x7f]/.test(source))
    throw new Error('a file of the program has other letters than those of ASCII');
  return `(function (exports, require, module, __filename) {${source}\n})`;
}

/**
 * Makes packages that are left out be missing. A thread could require them from the working directory, and would run
 * what lies there.
 */
const absent = {
  name: 'absent',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${LEFT_OUT.join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'absent',
    }));
    onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({
      contents: `throw Object.assign(new Error('${path} is not part of the executable'), { code: 'MODULE_NOT_FOUND' });`,
    }));
  },
};

/** Returns a bundle as text. The licenses of all packages in it have to be among the notices. */
async function bundled(options) {
  const { outputFiles, metafile } = await build({ ...bundling, ...options });
  await requireNotices(await readFile(join(ROOT, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8'), metafile);
  return outputFiles[0].text;
}

/** Returns the source of each thread by its name. */
async function threads() {
  const define = { 'import.meta.url': 'bundleURL' };
  const banner = { js: "const bundleURL=require('node:url').pathToFileURL(process.execPath).href;" };
  const made = THREADS.map(async (name) => {
    const text = await bundled({
      plugins: [absent],
      define,
      banner,
      entryPoints: [`src/${name}.ts`],
    });
    return [`${name}.js`, text];
  });
  return new Map(await Promise.all(made));
}
