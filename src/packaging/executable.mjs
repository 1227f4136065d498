/**
 * Makes the single executables: Node.js with lading inside, which need nothing else. (Node.js, "Single executable
 * applications") Usage: node src/packaging/executable.mjs [ARCHITECTURE…], after a build. Writes release/lading-linux-…
 */
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import postject from 'postject';
import { embeddedAssets } from './embedded-program.mjs';
import { ARCHITECTURES, nodeFor } from './node-release.mjs';

const RELEASE = fileURLToPath(new URL('../../release', import.meta.url));
const MAIN = fileURLToPath(new URL('embedded-main.cjs', import.meta.url));
/** Where Node.js looks for the program. (Node.js, "Single executable applications", step 6) */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Writes release/lading-linux-ARCHITECTURE and returns its path. The same tree gives the same bytes. */
export async function makeExecutable(architecture) {
  const folder = join(RELEASE, `.${architecture}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    const blob = await makeBlob(folder, architecture);
    const output = join(RELEASE, `lading-linux-${architecture}`);
    await rm(output, { force: true });
    await copyFile(await nodeFor(architecture), output);
    await chmod(output, 0o755);
    await quietly(() => postject.inject(output, 'NODE_SEA_BLOB', blob, { sentinelFuse: FUSE }));
    return output;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Returns what is put into Node.js. Compiled code is for one kind of processor: others start without it. */
async function makeBlob(folder, architecture) {
  const here = await nodeFor(arch());
  const assets = await embeddedAssets(join(folder, 'assets'), architecture === arch() ? here : undefined);
  const main = basename(MAIN);
  await copyFile(MAIN, join(folder, main));
  const output = join(folder, 'blob');
  const config = {
    main, // it stands in the blob: a whole path would differ from one checkout to another
    output,
    assets,
    disableExperimentalSEAWarning: true,
    execArgvExtension: 'none',
  };
  const file = join(folder, 'sea.json');
  await writeFile(file, JSON.stringify(config));
  execFileSync(here, ['--experimental-sea-config', file], { cwd: folder, stdio: 'pipe' }); // an error has what it printed
  return readFile(output);
}

/** postject prints a warning about a section that it does not know, which is harmless. */
async function quietly(work) {
  const { warn, log, error } = console;
  Object.assign(console, { warn() {}, log() {}, error() {} });
  try {
    return await work();
  } finally {
    Object.assign(console, { warn, log, error });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const wanted = process.argv.slice(2);
  for (const architecture of wanted.length > 0 ? wanted : ARCHITECTURES) {
    const path = await makeExecutable(architecture);
    console.log(`${path}: ${((await stat(path)).size / 1e6).toFixed(0)} MB`);
  }
}
