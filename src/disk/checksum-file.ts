import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LadingError } from '../errors.js';
import { onDisk, writeFileAtomically } from './disk.js';
import { ifThere } from './own-file.js';

/** The name of a file of checksums, as releases have it. */
const CHECKSUMS = 'SHA256SUMS';
/** Reading a larger one, or a pipe, would take memory or time without end. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface SumOptions {
  signal?: AbortSignal | undefined;
}

/**
 * Writes the sums of files into the `SHA256SUMS` of a directory that they are in, or below, and returns the path of that.
 * Lines about other files stay, and lines that were there keep their place. (sha256sum(1))
 */
export async function writeSums(
  directory: string,
  paths: readonly string[],
  options: SumOptions = {},
): Promise<string> {
  const sums = join(directory, CHECKSUMS);
  const lines = await linesOf(sums);
  for (const path of paths) {
    const name = relative(directory, path);
    const line = lineOf(name, await sha256Of(path, options));
    const place = lines.findIndex((other) => nameIn(other) === name);
    if (place < 0) lines.push(line);
    else lines[place] = line;
  }
  await writeFileAtomically(sums, Buffer.from(lines.map((line) => `${line}\n`).join('')));
  return sums;
}

/** Renews the sum of a file that has changed in a `SHA256SUMS`. Returns false if that does not name the file. */
export async function renewSum(sums: string, path: string, options: SumOptions = {}): Promise<boolean> {
  const directory = dirname(sums);
  const names = (await linesOf(sums)).map(nameIn);
  if (!names.includes(relative(directory, path))) return false;
  await writeSums(directory, [path], options);
  return true;
}

async function linesOf(file: string): Promise<string[]> {
  const text = await onDisk(file, () =>
    ifThere(async () => {
      const found = await stat(file);
      if (found.isFile() && found.size <= MOST_BYTES) return readFile(file, 'utf8');
      throw new LadingError('IO', `${file} is not a file of checksums`, { hint: 'Remove it, or rename it.' });
    }),
  );
  return text?.split('\n').filter((line) => line !== '') ?? [];
}

/** A backslash before the sum says that the name has escaped characters, without which it would not be one line. */
function lineOf(name: string, sum: string): string {
  const escaped = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  return `${escaped === name ? '' : '\\'}${sum}  ${escaped}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };

/** Returns the name in a line, as a path without `./`; undefined for what is no line of sums. */
function nameIn(line: string): string | undefined {
  const [, mark, name] = /^(\\?)[0-9a-f]{64} [ *](?:\.\/)?(.+)$/i.exec(line) ?? [];
  if (mark !== '\\') return name;
  return name?.replace(/\\([\\nr])/g, (_, letter) => (letter === 'n' ? '\n' : letter === 'r' ? '\r' : '\\'));
}

async function sha256Of(path: string, { signal }: SumOptions): Promise<string> {
  const hash = createHash('sha256');
  await onDisk(path, () => pipeline(createReadStream(path), hash, { signal }));
  return hash.digest('hex');
}
