import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { succeed } from '../../support/programs/run.js';
import { temporaryFolder } from '../../support/programs/workplace.js';
import type { ProgramName } from './mistakes.js';

export interface Answer {
  /** Standard output and standard error, in their order; what differs between runs is a word in capitals. */
  output: string;
  code: number;
  /** The shortest of several runs. */
  seconds: number;
}

export interface Answers {
  versions: Record<ProgramName, string>;
  /** An entry for each of `MISTAKES`. */
  answers: Record<ProgramName, Answer>[];
}

/** Makes all mistakes with all programs, in a network and with mounts that nobody else sees. Needs root. */
export async function askAll(peers: { crane: string; oras: string }): Promise<Answers> {
  const file = join(await temporaryFolder('answers'), 'answers.json');
  const script = fileURLToPath(new URL('make.ts', import.meta.url));
  const node = [process.execPath, '--import', 'tsx', script, file, peers.crane, peers.oras];
  await succeed('unshare', ['--net', '--mount', ...node]);
  // `make.ts` wrote it.
  return JSON.parse(await readFile(file, 'utf8')) as Answers;
}
