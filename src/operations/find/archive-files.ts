import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompressed } from '../../compression/compression.js';
import { detectCompression } from '../../content/compression.js';
import { onDisk } from '../../disk/disk.js';
import type { FileView } from '../../disk/files.js';
import { makeTemporaryFolder } from '../../disk/temporary-folder.js';
import { isLadingError } from '../../errors.js';
import type { Limits } from '../../find/limits.js';
import type { FindProblem } from '../../find/report.js';
import { openTar } from '../../tar/read.js';

/** The files of an archive; `close` also removes its temporary file. */
export type FilesOfArchive = Pick<FileView, 'list' | 'size' | 'read' | 'close'>;

export interface OpenArchiveOptions {
  limits: Limits;
  signal?: AbortSignal | undefined;
  onProblem: (problem: FindProblem) => void;
}

/**
 * Opens an archive of documents, compressed or not. It is unpacked to a temporary file first, since a tar is read out
 * of order. Reports what is no such archive, and returns undefined.
 */
export async function openFilesOfArchive(
  file: string,
  bytes: Buffer,
  { limits, signal, onProblem }: OpenArchiveOptions,
): Promise<FilesOfArchive | undefined> {
  const folder = await makeTemporaryFolder();
  try {
    const path = join(folder.path, 'charts.tar');
    if (detectCompression(bytes) === 'none')
      await onDisk(path, () => writeFile(path, bytes, { flag: 'wx', mode: 0o600 }));
    else {
      const open = async (): Promise<Readable> => Readable.from([bytes], { objectMode: false });
      const plain = await decompressed(open, {
        name: file,
        signal,
        limits: { maxBytes: limits.maxFileBytes },
      });
      await pipeline(plain, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
    }
    const view = await openTar(path, { location: file, signal });
    const names = new Set((await view.list()).map((each) => each.path));
    if (!names.has('oci-layout') && !names.has('manifest.json')) {
      return {
        list: () => view.list(),
        size: (name) => view.size(name),
        read: (name, maxBytes) => view.read(name, maxBytes),
        close: () => view.close().finally(() => folder.remove()),
      };
    }
    await view.close();
    onProblem({ file, message: 'it is an archive of images, which have their names in it' });
  } catch (error) {
    if (!isLadingError(error, 'INVALID_ARCHIVE', 'TOO_LARGE', 'UNSUPPORTED')) {
      await folder.remove();
      throw error;
    }
    const message = error.message.startsWith(`${file} `)
      ? `it${error.message.slice(file.length)}`
      : error.message;
    onProblem({ file, message, ...(error.code === 'TOO_LARGE' && { limit: 'maxFileBytes' }) });
  }
  await folder.remove();
  return undefined;
}
