import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { onDisk } from '../disk/disk.js';
import { makeTemporaryFolder } from '../disk/temporary-folder.js';
import type { ImageFiles } from './image-files.js';
import { type OpenPathOptions, openPath } from './open.js';

/** An archive that was read from a stream. `close` also removes its temporary file. */
export interface OpenedStream {
  store: ImageFiles;
  close(): Promise<void>;
}

/**
 * Opens an archive from a stream. It is written to a temporary file first, because its index may be at its end. Rejects
 * as `openPath` does, with `streamName` in place of the path.
 */
export async function openStream(
  stream: Readable,
  options: OpenPathOptions & { streamName: string; signal?: AbortSignal | undefined },
): Promise<OpenedStream> {
  const folder = await makeTemporaryFolder();
  try {
    const path = join(folder.path, 'input.tar');
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    const counted = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        options.onUnpacked?.(chunk.byteLength, undefined);
        yield chunk;
      }
    };
    await onDisk(path, () => pipeline(stream, counted, file, { signal: options.signal }));
    const store = await openPath(path, options);
    return { store, close: () => store.close().finally(() => folder.remove()) };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}
