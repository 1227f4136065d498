import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOut } from '../needs.js';
import { run } from './run.js';
import { testCache } from './test-cache.js';

/**
 * Returns the folder of a package from the npm registry, which is downloaded on first use and kept for later runs.
 * Skips the test with the reason if the registry cannot be reached. If `version` is a range, the kept package is not
 * updated.
 */
export async function npmPackage(context: Context, name: string, version: string): Promise<string> {
  const kept = testCache('npm', `${name}@${version}`);
  const folder = join(kept, 'node_modules', name);
  if (existsSync(folder)) return folder;
  await mkdir(testCache('npm'), { recursive: true });
  const partial = await mkdtemp(testCache('npm', 'partial-'));
  try {
    const flags = ['--prefix', partial, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
    const { code, stderr } = await run('npm', ['install', ...flags, `${name}@${version}`]);
    if (code !== 0) {
      const [reason = `exit ${code}`] = stderr.match(/^npm error (?!code).*/m) ?? [];
      leaveOut(context, 'the npm registry', `${name}@${version}: ${reason}`);
    }
    await rename(partial, kept);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Returns the path of a Node.js program of this version, without npm. */
export async function nodeProgram(context: Context, version: string): Promise<string> {
  if (process.platform !== 'linux') leaveOut(context, 'Linux');
  return join(await npmPackage(context, `node-linux-${process.arch}`, version), 'bin', 'node');
}
