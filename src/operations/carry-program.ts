import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeSums } from '../disk/checksum-file.js';
import { onDisk, writeFileAtomically } from '../disk/disk.js';
import { createTemporaryFile } from '../disk/own-file.js';
import { isLadingError, LadingError, systemCode } from '../errors.js';

export interface CarryProgramOptions {
  /** The archive or layout directory that the program goes beside. */
  output: string;
  /** The single executable of lading. */
  program: string;
  /** Returns what `READ-ME-FIRST.txt` says, given the names of the program and of the output. */
  instructions: (program: string, output: string) => string;
  signal?: AbortSignal | undefined;
}

export interface CarriedProgram {
  /** The paths that were written, all in the directory of the output. */
  program: string;
  checksums: string;
  readMe: string;
}

const READ_ME = 'READ-ME-FIRST.txt';
/** The first bytes of an executable of Linux. (elf(5)) */
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/**
 * Rejects, before anything is saved, if a program cannot be put beside the output: with `USAGE` for a stream or a file
 * that is no executable, with `NOT_FOUND` if it does not exist.
 */
export async function requireProgram({
  output,
  program,
}: Pick<CarryProgramOptions, 'output' | 'program'>): Promise<void> {
  if (output === '-')
    throw new LadingError('USAGE', 'the program is put beside a file, and standard output is none');
  if (basename(resolve(output)) === basename(program))
    throw new LadingError('USAGE', `${output} would be replaced by the program, which has the same name`);
  if (!(await startsWith(program, ELF)))
    throw new LadingError('USAGE', `${program} is not an executable of Linux`, {
      hint: 'The executables of a release are called lading-linux-x64 and lading-linux-arm64.',
    });
}

/**
 * Puts the program beside an archive or layout, with `SHA256SUMS` of both and a text that says how to check, load and
 * serve. Lines about other files in `SHA256SUMS` stay.
 */
export async function carryProgram(options: CarryProgramOptions): Promise<CarriedProgram> {
  const { output, program, signal } = options;
  await requireProgram(options);
  const directory = dirname(resolve(output));
  const name = basename(program);
  const target = join(directory, name);
  if (resolve(program) !== target) await copyWhole(program, target, signal);
  const isDirectory = (await onDisk(output, () => stat(output))).isDirectory();
  // The index of a layout has the digests of everything else in it.
  const summed = isDirectory ? join(resolve(output), 'index.json') : resolve(output);
  const checksums = await writeSums(directory, [summed, target], { signal });
  const readMe = join(directory, READ_ME);
  await writeFileAtomically(readMe, Buffer.from(options.instructions(name, basename(resolve(output)))));
  return { program: target, checksums, readMe };
}

/** Copies a file so that it appears under its name complete, even if a program of that name runs. */
async function copyWhole(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const { file, path: part } = await onDisk(to, () => createTemporaryFile(to, { alone: true }));
  try {
    await onDisk(to, async () => {
      await file.chmod(0o755);
      await pipeline(createReadStream(from), file.createWriteStream({ flush: true }), { signal });
      await rename(part, to);
    });
  } finally {
    await file.close();
    await rm(part, { force: true });
  }
}

async function startsWith(path: string, bytes: Buffer): Promise<boolean> {
  const file = await onDisk(path, () => open(path, 'r')).catch((error: unknown) => {
    const isAway = isLadingError(error) && systemCode(error.cause) === 'ENOENT';
    throw isAway ? new LadingError('NOT_FOUND', `${path} does not exist`, { cause: error }) : error;
  });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes.length), 0, bytes.length, 0);
    return bytesRead === bytes.length && buffer.equals(bytes);
  } finally {
    await file.close();
  }
}
