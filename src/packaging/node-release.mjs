/**
 * The Node.js that the executables contain, from the packages of npm that hold the program alone. Its version is fixed,
 * with the checksums of both packages, so that the same tree gives the same executables.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { arch, homedir } from 'node:os';
import { dirname, join } from 'node:path';

export const NODE_VERSION = '24.22.3';
const INTEGRITY = {
  x64: 'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  arm64: 'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
};
export const ARCHITECTURES = Object.keys(INTEGRITY);
/** What images and Debian call these architectures. */
export const OTHER_NAME = { x64: 'amd64', arm64: 'arm64' };

/** Returns the path of the program for an architecture; it is fetched once and kept in the user's cache folder. */
export async function nodeFor(architecture) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lading-release');
  const folder = join(cache, `node-${NODE_VERSION}-${architecture}`);
  const program = join(folder, 'bin', 'node');
  const isKept = await readFile(program).then(
    () => true,
    () => false,
  );
  if (!isKept) await fetchInto(folder, cache, architecture);
  return program;
}

/** Returns the component that Node.js is in a bill of materials. (CycloneDX 1.5) */
export function nodeComponent(architecture) {
  const name = `node-linux-${architecture}`;
  const content = Buffer.from(INTEGRITY[architecture].replace(/^sha512-/, ''), 'base64').toString('hex');
  return {
    'bom-ref': `${name}@${NODE_VERSION}`,
    type: 'platform',
    name,
    version: NODE_VERSION,
    scope: 'optional', // of the executable alone
    purl: `pkg:npm/${name}@${NODE_VERSION}`,
    hashes: [{ alg: 'SHA-512', content }],
    licenses: [{ license: { id: 'MIT' } }],
  };
}

/** Returns the text of the licenses of Node.js and its parts, which is the same for all architectures. */
export async function nodeLicense() {
  return readFile(join(dirname(dirname(await nodeFor(arch()))), 'LICENSE'), 'utf8');
}

async function fetchInto(folder, cache, architecture) {
  const part = `${folder}.${process.pid}`;
  await mkdir(part, { recursive: true });
  const name = `node-linux-${architecture}@${NODE_VERSION}`;
  const packed = execFileSync('npm', ['pack', name, '--silent', '--pack-destination', part], {
    cwd: cache,
    encoding: 'utf8',
  });
  const tarball = join(part, packed.trim().split('\n').at(-1));
  const found = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  if (found !== INTEGRITY[architecture]) throw new Error(`${name} has the checksum ${found}`);
  execFileSync('tar', ['-xzf', tarball, '-C', part, '--strip-components=1']);
  await rm(tarball);
  await rm(folder, { recursive: true, force: true });
  await rename(part, folder);
}
