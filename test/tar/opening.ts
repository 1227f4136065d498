import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { FileView } from '../../src/disk/files.js';
import { isLadingError } from '../../src/errors.js';
import { openTar } from '../../src/tar/read.js';
import { makeTar, type RawEntry } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

export const INVALID = { code: 'INVALID_ARCHIVE' };

/** Tars that a test makes and opens. */
export interface Tars {
  /** A path in the folder of the suite, or the folder itself. */
  inFolder(name?: string): string;
  /** Keeps a tar as a file of its own; tells its path. */
  write(bytes: Buffer): Promise<string>;
  opened(bytes: Buffer): Promise<FileView>;
  /** A tar of these entries, opened. */
  view(...entries: RawEntry[]): Promise<FileView>;
  /** The tar is refused when it is opened, as invalid, with such a message. */
  refuses(bytes: Buffer, message: RegExp): Promise<void>;
  /** What is closed after the test. */
  views: FileView[];
}

/** Gives the tests of a suite tars to open, which are closed after each of them. */
export function useTars(): Tars {
  const inFolder = useFolder('the suite');
  let count = 0;
  const views: FileView[] = [];
  afterEach(async () => {
    await Promise.all(views.splice(0).map((view) => view.close()));
  });

  async function write(bytes: Buffer): Promise<string> {
    count += 1;
    await writeFile(inFolder(`${count}.tar`), bytes);
    return inFolder(`${count}.tar`);
  }
  async function opened(bytes: Buffer): Promise<FileView> {
    const view = await openTar(await write(bytes));
    views.push(view);
    return view;
  }
  async function refuses(bytes: Buffer, message: RegExp): Promise<void> {
    await assert.rejects(opened(bytes), (error) => {
      assert(isLadingError(error, 'INVALID_ARCHIVE'), String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  return { inFolder, write, opened, view: (...entries) => opened(makeTar(...entries)), refuses, views };
}

/** The bytes of a file in a tar, as text. */
export async function text(from: FileView, path: string): Promise<string> {
  return (await from.read(path, 1000)).toString();
}

/** The tar is open, but this file of it is refused, whatever is asked of it. */
export async function refusesUseOf(from: FileView, path: string, message: RegExp): Promise<void> {
  for (const use of [from.size(path), from.open(path), from.read(path, 10), from.region(path)]) {
    await assert.rejects(use, { ...INVALID, message });
  }
}
