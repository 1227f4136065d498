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
} from '../../compression.js';
import { readFailure } from '../../region.js';
import { openTar, type TarFiles } from '../../tar/read.js';
import type { TarTable } from '../../tar/table.js';
import { diskError } from '../disk.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../temporary-folder.js';

export interface SpoolOptions {
  signal?: AbortSignal | undefined;
  /** Where a compressed archive is decompressed to; default the system's folder for temporary files. */
  spoolDirectory?: string | undefined;
  /** Told before a compressed archive is decompressed, since that takes time and room. */
  onSpool?: ((spool: { path: string; compression: Compression; directory: string }) => void) | undefined;
  /** How far an archive may expand. */
  limits?: DecompressLimits | undefined;
}

/**
 * A tar as files. One that is compressed as a whole has no positions to read at: it is decompressed once, to a
 * temporary file that goes when the view is closed.
 */
export async function openTarOrSpool(
  path: string,
  options: SpoolOptions & { table?: TarTable | undefined } = {},
): Promise<TarFiles> {
  const { signal, table } = options;
  const compression = await compressionOf(path);
  return compression === 'none' ? openTar(path, { signal, table }) : spoolTar(path, compression, options);
}

async function spoolTar(path: string, compression: Compression, options: SpoolOptions): Promise<TarFiles> {
  const { signal, spoolDirectory, onSpool, limits } = options;
  const open = async (): Promise<ReturnType<typeof createReadStream>> => createReadStream(path);
  const plain = await decompressed(open, { signal, limits, name: path });
  let folder: TemporaryFolder;
  try {
    folder = await makeTemporaryFolder(spoolDirectory);
  } catch (error) {
    plain.destroy();
    throw error;
  }
  onSpool?.({ path, compression, directory: dirname(folder.path) });
  const spool = join(folder.path, 'archive.tar');
  try {
    await pipeline(plain, createWriteStream(spool, { flags: 'wx', mode: 0o600 }), { signal });
    const view = await openTar(spool, { signal, location: path });
    const close = view.close.bind(view);
    return Object.assign(view, { close: () => close().finally(folder.remove) });
  } catch (error) {
    await folder.remove();
    signal?.throwIfAborted();
    throw diskError(error, spool);
  }
}

const TAR_MAGIC = { offset: 257, text: 'ustar' };

/** By the first bytes, which in a tar are a file's name and may look like anything. */
async function compressionOf(path: string): Promise<Compression> {
  try {
    if (!(await stat(path)).isFile()) return 'none'; // said by who opens it
    const file = await open(path, 'r');
    try {
      const { buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
      if (buffer.toString('latin1', TAR_MAGIC.offset).startsWith(TAR_MAGIC.text)) return 'none';
      return detectCompression(buffer.subarray(0, MAGIC_LENGTH));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}
