import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { type Architecture, nodeFor, OTHER_NAME } from '../../../src/packaging/node-release.mjs';
import { leaveOut } from '../needs.js';
import { run, succeed } from './run.js';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

const made = new Map<string, Promise<string>>();

/** The architecture of this machine; skips the test on one that there are no executables for. */
export function architectureHere(context: Context): Architecture {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64'))
    leaveOut(context, 'Linux on x64 or arm64');
  return arch;
}

/** Returns the path of the single executable, which is made from `dist` once in a run. */
export async function executable(
  context: Context,
  architecture = architectureHere(context),
): Promise<string> {
  await once(`executable ${architecture}`, () => makeExecutable(context, architecture));
  return join(PROJECT, 'release', `lading-linux-${architecture}`);
}

/** Returns the path of the package for Debian, which is made from the executable once in a run. */
export async function debianPackage(
  context: Context,
  architecture = architectureHere(context),
): Promise<string> {
  await executable(context, architecture);
  await once(`package ${architecture}`, () =>
    succeed(process.execPath, ['src/packaging/debian-package.mjs', architecture], { cwd: PROJECT }),
  );
  const { version } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as {
    version: string; // our own file
  };
  return join(PROJECT, 'release', `lading_${version}_${OTHER_NAME[architecture]}.deb`);
}

/** Returns the Node.js that is in the executables. */
export async function nodeInside(context: Context): Promise<string> {
  await executable(context);
  return nodeFor(process.arch);
}

function once(what: string, make: () => Promise<string>): Promise<string> {
  const known = made.get(what) ?? make();
  made.set(what, known);
  return known;
}

/** Makes an executable; without the registry that its Node.js comes from, the test is skipped. */
export async function makeExecutable(context: Context, architecture: Architecture): Promise<string> {
  const args = ['src/packaging/executable.mjs', architecture];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: PROJECT });
  if (code === 0) return stdout;
  if (/npm error/.test(stderr)) leaveOut(context, 'the npm registry', stderr);
  throw new Error(`executable.mjs ${architecture}: exit ${code}\n${stderr}`);
}
