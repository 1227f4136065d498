import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type Compression,
  type DecompressLimits,
  decompressed,
  detectCompression,
  MAGIC_LENGTH,
} from '../../compression/compression.js';
import { ambiguous } from '../../content/ambiguous.js';
import { hasTarMagic, isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { diskError } from '../../disk/disk.js';
import { readFailure } from '../../disk/region.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../disk/temporary-folder.js';
import { ContentError } from '../../errors.js';
import { adviceForDamage, SAMPLE_BYTES } from '../../tar/not-a-tar/not-a-tar.js';
import { openTar, type TarFiles } from '../../tar/read.js';
import type { TarTable } from '../../tar/table.js';

export interface SpoolOptions {
  signal?: AbortSignal | undefined;
  /** Name for errors of an archive that came as a stream; default: its path. */
  streamName?: string | undefined;
  /** The folder for decompressed archives; default: the system's folder for temporary files. */
  spoolDirectory?: string | undefined;
  /** Called before a compressed archive is decompressed, because that takes time and disk space. */
  onSpool?: ((spool: { path: string; compression: Compression; directory: string }) => void) | undefined;
  /** Called with bytes that were read of an archive that is decompressed or comes as a stream, and with its size. */
  onUnpacked?: ((bytes: number, totalBytes: number | undefined) => void) | undefined;
  /** Limits of decompression. */
  limits?: DecompressLimits | undefined;
}

/**
 * Opens a tar as files. One that is compressed as a whole cannot be read by position, so it is decompressed once, to a
 * temporary file that is removed when the view is closed.
 */
export async function openTarOrSpool(
  path: string,
  options: SpoolOptions & { table?: TarTable | undefined } = {},
): Promise<TarFiles> {
  const { signal, table, streamName } = options;
  const compression = await compressionOf(path);
  return compression === 'none'
    ? openTar(path, { signal, table, location: streamName, isStream: streamName !== undefined })
    : spoolTar(path, compression, options);
}

async function spoolTar(path: string, compression: Compression, options: SpoolOptions): Promise<TarFiles> {
  const { signal, spoolDirectory, onSpool, limits, streamName } = options;
  const location = streamName ?? path;
  let source: ReturnType<typeof createReadStream> | undefined;
  const open = async (): Promise<ReturnType<typeof createReadStream>> => {
    source = createReadStream(path);
    return source;
  };
  const plain = await decompressed(open, { signal, limits, name: location });
  let folder: TemporaryFolder;
  try {
    folder = await makeTemporaryFolder(spoolDirectory);
  } catch (error) {
    plain.destroy();
    throw error;
  }
  onSpool?.({ path, compression, directory: dirname(folder.path) });
  const spool = join(folder.path, 'archive.tar');
  const report = await unpackedReporter(path, options);
  try {
    try {
      const counted = async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          report(source?.bytesRead ?? 0);
          yield chunk;
        }
      };
      await pipeline(plain, counted, createWriteStream(spool, { flags: 'wx', mode: 0o600 }), { signal });
    } catch (error) {
      throw await explained(error, path, streamName);
    }
    const view = await openTar(spool, {
      signal,
      location,
      isStream: streamName !== undefined,
      inside: compression,
    });
    const close = view.close.bind(view);
    return Object.assign(view, { close: () => close().finally(folder.remove) });
  } catch (error) {
    await folder.remove();
    signal?.throwIfAborted();
    throw diskError(error, spool);
  }
}

/** Returns a function that reports how far the file was read, if somebody listens. */
async function unpackedReporter(
  path: string,
  { onUnpacked }: SpoolOptions,
): Promise<(position: number) => void> {
  if (onUnpacked === undefined) return () => undefined;
  const { size } = await stat(path);
  let toldTo = 0;
  return (position) => {
    if (position <= toldTo) return; // it may have been opened again
    onUnpacked(position - toldTo, size);
    toldTo = position;
  };
}

/** Adds advice to the error of an archive that does not decompress, if the cause can be recognised. */
async function explained(error: unknown, path: string, streamName: string | undefined): Promise<unknown> {
  if (!(error instanceof ContentError) || error.code !== 'INVALID_ARCHIVE') return error;
  const start = await readStart(path, SAMPLE_BYTES);
  const file = { path: streamName === undefined ? path : undefined };
  const advice = adviceForDamage(file, error.message, start);
  return new ContentError(error.code, error.message, { cause: error, ...advice });
}

/** Detects the compression from the first bytes, whatever the file is called. */
async function compressionOf(path: string): Promise<Compression> {
  let start: Buffer;
  try {
    if (!(await stat(path)).isFile()) return 'none'; // openTar() reports what it is
    start = await readStart(path, TAR_START_LENGTH);
  } catch (error) {
    throw readFailure(path, error);
  }
  const compression = detectCompression(start.subarray(0, MAGIC_LENGTH));
  // A tar begins with the name of a file, which may look like the start of any other format.
  if (compression !== 'none' && (isTarStart(start) || hasTarMagic(start)))
    throw ambiguous(path, `it is a tar whose first bytes are those of ${compression}`);
  return compression;
}

async function readStart(path: string, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
