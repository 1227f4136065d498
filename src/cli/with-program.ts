import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CarriedProgram, carryProgram, LadingError, requireProgram } from '../index.js';
import { isSingleExecutable } from '../program.js';
import { shellWords } from './command-words.js';

/** The value of the flag if it was given without one. */
const THIS = 'this';
const ARCHITECTURES = ['x64', 'arm64'];

/** Puts the executable beside what was saved. */
export interface Carrier {
  carry(signal: AbortSignal): Promise<CarriedProgram>;
}

/** Checks what `--with-program` means, before anything is saved; throws `USAGE` and `NOT_FOUND`. */
export async function prepareCarrying(wanted: string, output: string): Promise<Carrier> {
  const program = programToCarry(wanted);
  await requireProgram({ output, program });
  return { carry: (signal) => carryProgram({ output, program, instructions, signal }) };
}

/**
 * Returns the executable that `--with-program` means: this one, one for another kind of processor beside it, or a file.
 * The package of npm is none, and says how to get one. Throws `USAGE` and `NOT_FOUND`.
 */
export function programToCarry(
  wanted: string,
  running = { path: process.execPath, isExecutable: isSingleExecutable() },
): string {
  const isArchitecture = ARCHITECTURES.includes(wanted);
  if (wanted !== THIS && !isArchitecture) return wanted;
  if (!running.isExecutable)
    throw new LadingError(
      'USAGE',
      'lading runs from its package of npm, which has no executable to put beside it',
      {
        hint: 'Name one of a release: --with-program=lading-linux-x64. npm run release makes them.',
      },
    );
  if (!isArchitecture) return running.path;
  const path = join(dirname(running.path), `lading-linux-${wanted}`);
  if (existsSync(path)) return path;
  throw new LadingError('NOT_FOUND', `${path} does not exist`, {
    hint: `Put it beside this program, or name it: --with-program=FILE.`,
  });
}

/** Returns the text of READ-ME-FIRST.txt, for somebody who sees lading for the first time. */
export function instructions(program: string, output: string): string {
  const file = shellWords([`./${program}`]);
  const archive = shellWords([output.startsWith('-') ? `./${output}` : output]);
  return `Container images, and the program that loads them: it needs nothing else.

1. Check that everything arrived whole, in this folder:   sha256sum -c SHA256SUMS
2. Let the program run:                                   chmod +x ${file}
3. See what is there:                                     ${file} ls ${archive}
4. Check the images themselves:                           ${file} verify ${archive}
5. Push them into a registry:                             ${file} load -i ${archive} REGISTRY:5000
6. Or be a registry, for this network:                    ${file} serve ${archive} --listen 0.0.0.0:5000
7. Help:                                                  ${file} help
`;
}
