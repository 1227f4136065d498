import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { isLadingError } from '../../../src/errors.js';
import { convert, copyImages, inspect, list, load, verify } from '../../../src/index.js';
import type { Reader } from './attack.js';

/** The result of an operation, as the command line would report it. */
export interface Ending {
  exit: number;
  /** The code of the error, or those of the findings. */
  codes: string[];
  text: string;
}

export interface ReaderOptions {
  /** The folder for outputs. */
  out: string;
  /** A registry to load into. */
  registry: string;
}

/** Runs an operation on an archive, layout or document. */
export async function readWith(reader: Reader, path: string, options: ReaderOptions): Promise<Ending> {
  try {
    return await OPERATIONS[reader](path, options);
  } catch (error) {
    if (!isLadingError(error)) throw error; // a crash
    return { exit: exitCodeOf(error), codes: [error.code], text: `${error.message} ${error.hint ?? ''}` };
  }
}

const DONE: Ending = { exit: 0, codes: [], text: '' };

const OPERATIONS: Record<Reader, (path: string, options: ReaderOptions) => Promise<Ending>> = {
  async verify(path) {
    const { ok, findings } = await verify(path);
    const codes = findings.map(({ code }) => code);
    return { exit: ok ? 0 : 3, codes, text: findings.map(({ message }) => message).join('\n') };
  },
  async inspect(path) {
    return problemsOf((await inspect(path)).images);
  },
  async ls(path) {
    const result = await list(path);
    return result.kind === 'images' ? problemsOf(result.images) : DONE;
  },
  async load(path, { registry }) {
    await load({ input: path, destination: registry, retries: 0 });
    return DONE;
  },
  async convert(path, { out }) {
    await convert({ source: path, output: join(out, 'converted.tar'), to: 'docker' });
    return DONE;
  },
  async copy(path, { out }) {
    await copyImages({ source: path, destination: `oci-archive:${join(out, 'copied.tar')}` });
    return DONE;
  },
};

/** Returns the result of a list of images: commands exit with 3 if an image has a problem. */
function problemsOf(images: readonly { problem?: string }[]): Ending {
  const problems = images.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  return problems.length === 0 ? DONE : { exit: 3, codes: [], text: problems.join('\n') };
}

/** Returns all files and folders in a folder, without following links. */
export async function treeOf(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
