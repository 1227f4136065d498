import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { leaveOut } from '../needs.js';
import { run } from './run.js';

/** What tests download or make once for later runs: beyond the repository, in the user's cache. */
export function testCache(...path: string[]): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lading-tests', ...path);
}

/**
 * The folder of a package of the npm registry, downloaded at first need and kept for later runs; skips the test,
 * saying why, where the registry cannot be reached. `version` may be a range: what was kept for it stays.
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

/** A Node.js program of some version, and nothing beside it. */
export async function nodeProgram(context: Context, version: string): Promise<string> {
  if (process.platform !== 'linux') leaveOut(context, 'Linux');
  return join(await npmPackage(context, `node-linux-${process.arch}`, version), 'bin', 'node');
}
