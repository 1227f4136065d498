/**
 * Writes release/lading-VERSION-offline.tgz: the package with its dependencies, for machines without a network. It has
 * the files of `npm pack`, and those files of each dependency that can run. The same tree gives the same bytes.
 * Usage: node src/packaging/offline.mjs, after a build.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { pack } from 'tar-stream';
import { LICENSE_FILE } from './notices.mjs';
import { packedFiles } from './packed-files.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** npm gives this time to all entries of a package. */
const MTIME = new Date('1985-10-26T08:15:00.000Z');
/** Not included: they are compiled for one kind of machine, and lading works without them. */
const NATIVE = ['zlib-sync'];

process.chdir(ROOT);
const manifest = JSON.parse(await readFile('package.json', 'utf8'));
const packed = packedFiles();
const used = await filesThatRun(packed.filter((path) => /^dist\/.*\.c?js$/.test(path)));
const dependencies = await installed(used);
const files = await contents(packed, used, dependencies);

await mkdir('release', { recursive: true });
const output = `release/${manifest.name}-${manifest.version}-offline.tgz`;
const bytes = gzipSync(await tar(files), { level: 9 });
await writeFile(output, bytes);
console.log(`${output}: ${files.size} files, ${(bytes.length / 1e6).toFixed(2)} MB`);

/** Returns the files in node_modules that the program's own files import, directly or indirectly. */
async function filesThatRun(entryPoints) {
  const { metafile } = await build({
    entryPoints: entryPoints.map((path) => ({ in: path, out: path })),
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    outdir: 'release',
    external: NATIVE,
    logLevel: 'error',
  });
  return Object.keys(metafile.inputs).filter((path) => path.startsWith('node_modules/'));
}

/**
 * Returns the folders of the packages that have such files, and of all their dependencies: npm would try to download a
 * missing package, even if no file uses it.
 */
async function installed(used) {
  const named = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const folders = new Set();
  const add = async (folder) => {
    if (folders.has(folder)) return;
    folders.add(folder);
    const { dependencies = {} } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
    for (const name of Object.keys(dependencies)) await add(resolve(name, folder));
  };
  for (const name of named) {
    if (used.some((path) => path.startsWith(`node_modules/${name}/`))) await add(`node_modules/${name}`);
  }
  return [...folders];
}

/** Returns the folder of the package `name`, as Node.js finds it from a file in `folder`. */
function resolve(name, folder) {
  for (let from = folder; ; from = dirname(from)) {
    const candidate = join(from, 'node_modules', name);
    if (existsSync(`${candidate}/package.json`)) return candidate;
    if (from === '.') throw new Error(`${name}, which ${folder} needs, is not installed: run npm ci`);
  }
}

async function contents(packed, used, dependencies) {
  const paths = new Set(packed.filter((path) => path !== 'package.json'));
  for (const folder of dependencies) {
    paths.add(`${folder}/package.json`);
    for (const name of await readdir(folder)) if (LICENSE_FILE.test(name)) paths.add(`${folder}/${name}`);
  }
  for (const path of used) {
    if (dependencies.some((folder) => path.startsWith(`${folder}/`))) paths.add(path);
  }
  const files = new Map([['package.json', Buffer.from(`${JSON.stringify(offlineManifest(), null, 2)}\n`)]]);
  for (const path of [...paths].sort()) files.set(path, await readFile(path));
  return files;
}

/** Returns package.json with only the dependencies that are included: npm would try to download any other. */
function offlineManifest() {
  const { scripts, devDependencies, optionalDependencies, allowScripts, ...rest } = manifest;
  const inside = ([name]) => dependencies.includes(`node_modules/${name}`);
  const all = Object.entries({ ...manifest.dependencies, ...optionalDependencies }).sort();
  return {
    ...rest,
    dependencies: Object.fromEntries(all.filter(inside)),
    bundleDependencies: all.filter(inside).map(([name]) => name),
  };
}

async function tar(files) {
  const archive = pack();
  const programs = Object.values(manifest.bin);
  for (const [path, bytes] of files) {
    const mode = programs.includes(path) ? 0o755 : 0o644;
    archive.entry({ name: `package/${path}`, mode, mtime: MTIME }, bytes);
  }
  archive.finalize();
  const chunks = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
}
