import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { LadingError, messageOf, systemCode } from './errors.js';
import type { OpenFileOptions, Region } from './files.js';

// Big enough that the cost of a read does not matter, small enough to keep many streams in little memory.
const READ_SIZE = 512 * 1024;

/** The part of `region` that `start` and `length` ask for; a start beyond its end is a caller's mistake. */
export function partOf(
  region: Region,
  { start = 0, length = Number.POSITIVE_INFINITY }: OpenFileOptions,
): Region {
  if (!Number.isSafeInteger(start) || start < 0 || start > region.size || !(length >= 0)) {
    throw new RangeError(`bytes ${start}+${length} do not lie within the ${region.size} bytes asked for`);
  }
  return { path: region.path, offset: region.offset + start, size: Math.min(length, region.size - start) };
}

/**
 * The bytes of a region, all of them or an `IO` error: a file that became shorter never passes for a short one.
 * The handle may be shared; with `ownsHandle` it is closed with the stream.
 */
export function streamRegion(
  handle: FileHandle,
  region: Region,
  { signal, ownsHandle = false }: { signal?: AbortSignal | undefined; ownsHandle?: boolean } = {},
): Readable {
  let position = region.offset;
  const end = region.offset + region.size;
  const readNext = async (): Promise<Buffer | null> => {
    if (position === end) return null;
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, end - position));
    const bytesRead = await readSome(handle, buffer, position, region);
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  // Not fs.createReadStream: it closes a shared descriptor when it is destroyed, whatever `autoClose` says,
  // and it ends without an error where the file ends early.
  return new Readable({
    highWaterMark: READ_SIZE,
    ...(signal === undefined ? {} : { signal }),
    read() {
      readNext().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      if (!ownsHandle) return callback(error);
      handle.close().then(
        () => callback(error),
        (closeError) => callback(error ?? closeError),
      );
    },
  });
}

/** A small region in memory; the caller has checked its size. */
export async function readRegion(handle: FileHandle, region: Region): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(region.size);
  for (let filled = 0; filled < region.size; ) {
    filled += await readSome(handle, buffer.subarray(filled), region.offset + filled, region);
  }
  return buffer;
}

async function readSome(handle: FileHandle, into: Buffer, position: number, region: Region): Promise<number> {
  let bytesRead: number;
  try {
    ({ bytesRead } = await handle.read(into, 0, into.length, position));
  } catch (error) {
    throw readFailure(region.path, error);
  }
  if (bytesRead > 0) return bytesRead;
  throw new LadingError(
    'IO',
    `${region.path} ends at byte ${position}, before byte ${region.offset + region.size} that was there when it was opened`,
    { hint: 'The file was cut short while it was read; check the medium and copy the file again.' },
  );
}

/** A system error from opening or reading `path`, as an error a user can meet. */
export function readFailure(path: string, error: unknown): LadingError {
  switch (systemCode(error)) {
    case 'ENOENT':
      return new LadingError('NOT_FOUND', `${path} does not exist`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new LadingError('IO', `${path} may not be read`, {
        cause: error,
        hint: 'Give yourself read permission on the file.',
      });
    default:
      return new LadingError('IO', `${path} cannot be read: ${messageOf(error)}`, {
        cause: error,
        hint: 'Check that the disk or stick is still there and healthy.',
      });
  }
}
