/**
 * Makes what people install, into release/: the package of npm and its form without a network, the executables (also
 * compressed with zstd), packages for Debian, man pages, completions, a bill of materials, and SHA256SUMS of all. The
 * same tree gives the same bytes. Usage: npm run release [-- ARCHITECTURE…], which builds first.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { completions } from './completions.mjs';
import { debianFiles, serviceExample } from './debian-files.mjs';
import { debianPackage } from './debian-package.mjs';
import { makeExecutable } from './executable.mjs';
import { manPages } from './man.mjs';
import { ARCHITECTURES, nodeFor } from './node-release.mjs';
import { readReference } from './reference.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RELEASE = join(ROOT, 'release');

process.chdir(ROOT);
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ARCHITECTURES;
await rm(RELEASE, { recursive: true, force: true });
await mkdir(RELEASE);
const manifest = JSON.parse(await readFile('package.json', 'utf8'));

run('npm', ['pack', '--ignore-scripts', '--pack-destination', RELEASE]);
run(process.execPath, ['src/packaging/offline.mjs']);
const reference = await readReference();
const pages = manPages(reference);
const scripts = completions(reference);
for (const [name, text] of pages) await write(join('man', name), text);
for (const [path, text] of scripts) await write(join('completions', basename(path)), text);
await write('lading.service', serviceExample());
await write(`lading-${manifest.version}.cdx.json`, billOfMaterials());
for (const architecture of wanted) {
  const executable = await makeExecutable(architecture);
  await compress(executable);
  const { name, bytes } = await debianPackage(
    architecture,
    executable,
    await debianFiles(reference),
    manifest,
  );
  await write(name, bytes);
}
await write('SHA256SUMS', await sums());

for (const [name, path] of await released())
  console.log(`${((await stat(path)).size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);

/** CycloneDX, as npm makes it, without what differs from run to run. */
function billOfMaterials() {
  const document = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev']));
  delete document.serialNumber;
  delete document.metadata.timestamp;
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Compresses with the encoder of the Node.js that is in the executables: this one may have none. */
async function compress(path) {
  const script = `const zlib = require('node:zlib'); const fs = require('node:fs');
    const level = { [zlib.constants.ZSTD_c_compressionLevel]: 19, [zlib.constants.ZSTD_c_checksumFlag]: 1 };
    fs.writeFileSync(process.argv[1] + '.zst', zlib.zstdCompressSync(fs.readFileSync(process.argv[1]), { params: level }));`;
  run(await nodeFor(arch()), ['-e', script, path]);
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
