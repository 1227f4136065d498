/**
 * Makes what people install, into release/: the package of npm and its form without a network, the executables (also
 * compressed with zstd) and their licenses, packages for Debian, an image, man pages, completions, a bill of materials,
 * and SHA256SUMS of all. The same tree gives the same bytes; the image also has packages of Debian, whose versions are printed.
 * Usage: npm run release [-- ARCHITECTURE…], which builds first.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { billOfMaterials } from './bill-of-materials.mjs';
import { completions } from './completions.mjs';
import { debianFiles, serviceExample } from './debian-files.mjs';
import { NoDebian } from './debian-mirror.mjs';
import { debianPackage } from './debian-package.mjs';
import { makeExecutable } from './executable.mjs';
import { makeImage } from './image.mjs';
import { licensesText } from './licenses.mjs';
import { manPages } from './man.mjs';
import { ARCHITECTURES, nodeFor } from './node-release.mjs';
import { packedFiles } from './packed-files.mjs';
import { readReference } from './reference.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RELEASE = join(ROOT, 'release');

process.chdir(ROOT);
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ARCHITECTURES;
const unknown = wanted.find((architecture) => !ARCHITECTURES.includes(architecture));
if (unknown !== undefined)
  throw new Error(`there is no executable for ${unknown}: ${ARCHITECTURES.join(', ')}`);
if (process.platform !== 'linux')
  throw new Error('a release is made on Linux: the Node.js in the executables makes it');
const node = await nodeFor(arch());
// Other versions of Node.js compress to other bytes, or have no zstd. npm runs with this one, too.
if (process.execPath === (await realpath(node))) await release();
else {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const { status, error } = spawnSync(node, process.argv.slice(1), { stdio: 'inherit', env });
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
}

async function release() {
  await rm(RELEASE, { recursive: true, force: true });
  await mkdir(RELEASE);
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  const executables = new Map();
  for (const architecture of wanted) executables.set(architecture, await makeExecutable(architecture));
  // Most of the time of a release: on threads, while the rest is made.
  const compressing = Promise.all([...executables.values()].map(compress));

  await packForNpm();
  run(process.execPath, ['src/packaging/offline.mjs']);
  const reference = await readReference();
  for (const [name, text] of manPages(reference)) await write(join('man', name), text);
  for (const [path, text] of completions(reference)) await write(join('completions', basename(path)), text);
  await write('lading.service', serviceExample());
  await write('LICENSES.txt', await licensesText());
  await write(`lading-${manifest.version}.cdx.json`, await billOfMaterials(wanted));
  const files = await debianFiles(reference);
  for (const [architecture, executable] of executables) {
    const { name, bytes } = await debianPackage(architecture, executable, files, manifest);
    await write(name, bytes);
  }
  const image = await describeImage();
  await compressing;
  await write('SHA256SUMS', await sums());

  for (const [name, path] of await released())
    console.log(`${((await stat(path)).size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);
  console.log(image);
}

/** npm keeps the modes of files, which depend on who made the checkout: it packs copies. */
async function packForNpm() {
  const folder = await mkdtemp(join(tmpdir(), 'lading-release-'));
  try {
    process.umask(0o022);
    for (const path of packedFiles()) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), await readFile(path));
    }
    run('npm', ['pack', folder, '--ignore-scripts', '--pack-destination', RELEASE]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Makes the image, and returns what is said about it. */
async function describeImage() {
  try {
    return ['The image contains Debian’s packages:', ...(await makeImage(wanted)).lines].join('\n  ');
  } catch (error) {
    if (!(error instanceof NoDebian)) throw error;
    return `The image is left out: ${error.message}`;
  }
}

async function compress(path) {
  const params = {
    [zlib.constants.ZSTD_c_compressionLevel]: 19,
    [zlib.constants.ZSTD_c_checksumFlag]: 1,
  };
  await writeFile(`${path}.zst`, await promisify(zlib.zstdCompress)(await readFile(path), { params }));
}

async function sums() {
  const lines = [];
  for (const [name, path] of await released()) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    lines.push(`${hash.digest('hex')}  ${name}\n`);
  }
  return lines.join('');
}

async function released() {
  const names = (await readdir(RELEASE, { recursive: true })).sort();
  const files = [];
  for (const name of names)
    if ((await stat(join(RELEASE, name))).isFile()) files.push([name, join(RELEASE, name)]);
  return files;
}

async function write(name, content) {
  await mkdir(dirname(join(RELEASE, name)), { recursive: true });
  await writeFile(join(RELEASE, name), content);
}

function run(program, args) {
  const env = { ...process.env, HOME: process.env.HOME ?? '/nonexistent' };
  return execFileSync(program, args, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
}
