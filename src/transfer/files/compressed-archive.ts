import { PassThrough, Readable, type Writable } from 'node:stream';
import { type CompressedForm, Compressor } from '../../compression/compression.js';
import { promisedForm } from '../../content/archive-name.js';
import type { LockOptions } from '../../disk/lock.js';
import { isLadingError, LadingError } from '../../errors.js';
import { openPartFile } from '../../store/archive/part-file.js';
import { createStreamSink } from '../../store/archive/stream-sink.js';
import { delegate } from '../../store/delegate.js';
import type { Store } from '../../store/store.js';
import type { Sink } from '../../store/write-content.js';

export interface ArchiveCompression {
  form: CompressedForm;
  level?: number | undefined;
}

export interface ArchiveCompressionOptions {
  /** What the archive as a whole is compressed with; default: what the name of the file says, else `none`. */
  archiveCompression?: CompressedForm | 'none' | undefined;
  /** Level of `gzip` (1 to 9, default 4) or `zstd` (1 to 19, default 3). */
  archiveCompressionLevel?: number | undefined;
}

/**
 * Decides how an archive is compressed as a whole, by the options and the name of the file; undefined for a plain tar.
 * Throws `USAGE` if the name promises another form than what would be written, and `UNSUPPORTED` if Node.js has no
 * encoder for the form.
 */
export function archiveCompressionOf(
  path: string | undefined,
  { archiveCompression, archiveCompressionLevel: level }: ArchiveCompressionOptions,
): ArchiveCompression | undefined {
  const promised = path === undefined ? undefined : promisedForm(path);
  if (promised === 'other') {
    throw new LadingError('USAGE', `${path} has the name of a form that lading does not write`, {
      hint: 'Archives are written as .tar, .tar.gz (.tgz) or .tar.zst (.tzst).',
    });
  }
  const wanted = archiveCompression ?? (promised === 'gzip' || promised === 'zstd' ? promised : 'none');
  if (promised !== undefined && promised !== (wanted === 'none' ? 'tar' : wanted)) {
    throw new LadingError('USAGE', `${path} has the name of ${FORMS[promised]}, not of ${FORMS[wanted]}`, {
      hint: 'Choose a name that says what the file is.',
      remedy: 'archiveCompression',
    });
  }
  if (wanted === 'none') {
    if (level === undefined) return undefined;
    throw new LadingError('USAGE', 'a level is for an archive that is compressed');
  }
  const compression = { form: wanted, level };
  void new Compressor(compression).close(); // throws what is wrong with it, before anything is written
  return compression;
}

const FORMS = {
  tar: 'a plain tar',
  none: 'a plain tar',
  gzip: 'a gzip file',
  zstd: 'a zstd file',
};

/** Where compressed bytes go. */
export interface CompressedTarget {
  sink: Sink;
  /** Called when all `size` bytes are written. */
  finish(size: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file that becomes `path` when it is finished. Nothing of it is kept otherwise: it cannot be resumed. */
export async function openCompressedFile(path: string, options: LockOptions): Promise<CompressedTarget> {
  const { file, finish, close } = await openPartFile(path, options);
  // What an earlier run left belongs to another form of archive.
  await file.truncate(0);
  const write: Sink['write'] = async (chunks, position) => {
    try {
      await file.write(chunks, position);
    } catch (error) {
      if (!isLadingError(error, 'NO_SPACE')) throw error;
      // The hint of other archives says that the next run resumes.
      const hint = 'Make room and run the same command again.';
      throw new LadingError('NO_SPACE', error.message, { cause: error, hint });
    }
  };
  return { sink: { write }, finish, close };
}

/** Passes compressed bytes to a stream, which stays open. */
export function compressedStream(stream: Writable): CompressedTarget {
  return { sink: createStreamSink(stream), finish: async () => undefined, close: async () => undefined };
}

/**
 * Returns the store that `make` makes for a stream, which compresses the archive on its way to the target: an archive
 * that is written from start to end.
 */
export async function compressedArchive(
  make: (stream: Writable) => Promise<Store>,
  target: CompressedTarget,
  compression: ArchiveCompression,
): Promise<Store> {
  const tar = new PassThrough();
  const compressor = new Compressor(compression);
  const writing = writeCompressed(tar, target.sink, compressor);
  writing.catch(() => undefined); // reported by the tar; this avoids an unhandled rejection until it is awaited
  const release = async (): Promise<void> => {
    tar.destroy();
    await Promise.allSettled([writing]);
    await compressor.close();
    await target.close();
  };
  try {
    const store = await make(tar);
    return delegate(store, {
      async commit() {
        await store.commit?.();
        tar.end();
        await target.finish(await writing);
      },
      close: () => store.close().finally(release),
    });
  } catch (error) {
    await release();
    throw error;
  }
}

/** Returns the number of compressed bytes. If it fails, the tar fails with the same error. */
async function writeCompressed(tar: PassThrough, sink: Sink, compressor: Compressor): Promise<number> {
  let size = 0;
  try {
    // A stream of its own: the compressor destroys its source without an error, and the tar's writer would wait.
    const source = Readable.from(tar.iterator({ destroyOnReturn: false }), { objectMode: false });
    const compressed = await compressor.compress(async () => source);
    for await (const chunk of compressed as AsyncIterable<Buffer>) {
      await sink.write([chunk], size).catch((error: Error) => {
        tar.destroy(error); // before the loop ends the compressor, which may be waiting for the tar
        throw error;
      });
      size += chunk.byteLength;
    }
    return size;
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
