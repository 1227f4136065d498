import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { FileView } from '../../src/disk/files.js';
import { isLadingError } from '../../src/errors.js';
import { openTar } from '../../src/tar/read.js';
import { makeTar, type RawEntry } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';

export const INVALID = { code: 'INVALID_ARCHIVE' };

/** Makes and opens tars for a test. */
export interface Tars {
  /** Returns a path in the folder of the suite, or the folder itself. */
  inFolder(name?: string): string;
  /** Writes a tar to a new file, and returns its path. */
  write(bytes: Buffer): Promise<string>;
  opened(bytes: Buffer): Promise<FileView>;
  /** Opens a tar of these entries. */
  view(...entries: RawEntry[]): Promise<FileView>;
  /** Asserts that opening the tar fails with `INVALID_ARCHIVE` and a matching message. */
  refuses(bytes: Buffer, message: RegExp): Promise<void>;
  /** Closes something after the test. */
  views: FileView[];
}

/** Provides the tests of a suite with tars, which are closed after each test. */
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

/** Returns the content of a file in a tar as text. */
export async function text(from: FileView, path: string): Promise<string> {
  return (await from.read(path, 1000)).toString();
}

/** Asserts that an open tar refuses all uses of this file. */
export async function refusesUseOf(from: FileView, path: string, message: RegExp): Promise<void> {
  for (const use of [from.size(path), from.open(path), from.read(path, 10), from.region(path)]) {
    await assert.rejects(use, { ...INVALID, message });
  }
}
