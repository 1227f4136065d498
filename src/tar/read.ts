import { constants, type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { detectCompression, MAGIC_LENGTH } from '../content/compression.js';
import { ContentError } from '../errors.js';
import {
  byPath,
  cleanPath,
  type FileView,
  fileNotFound,
  fileTooLarge,
  type OpenFileOptions,
  type Region,
} from '../files.js';
import {
  type FileStamp,
  partOf,
  readFailure,
  readRegion,
  requireUnchanged,
  stampOf,
  streamRegion,
} from '../region.js';
import type { TarFile } from './entry.js';
import { EntryIndex } from './index-of-entries.js';
import { sameBytes } from './same-bytes.js';
import { WalkProblem, walkTar } from './walk.js';
import { ReadingWindow } from './window.js';

export interface OpenTarOptions {
  signal?: AbortSignal | undefined;
  /** What errors call the archive; default `path`. */
  location?: string | undefined;
  limits?:
    | {
        /** Memory that the index of names may take; default 256 MiB, about a million entries. */
        maxIndexBytes?: number | undefined;
      }
    | undefined;
}

const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/**
 * A tar as files, read in place: the headers are walked once, bodies are read when asked for. One file handle
 * stays open. What is odd about a single entry (a link out of the archive, a device) is said when it is used;
 * an archive that is damaged, or that readers can understand in two ways, rejects with `INVALID_ARCHIVE`.
 * When somebody writes to the file, what the walk found is worth nothing: every use then rejects with `IO`.
 */
export async function openTar(path: string, options: OpenTarOptions = {}): Promise<FileView> {
  const { signal, location = path, limits } = options;
  signal?.throwIfAborted();
  const handle = await openRegularFile(path);
  try {
    const stamp = await stampOf(handle);
    const index = await indexTar(location, handle, Number(stamp.size), {
      signal,
      maxIndexBytes: limits?.maxIndexBytes ?? MAX_INDEX_BYTES,
    });
    return new TarView({ location, path, handle, stamp, index });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openRegularFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: opening a pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw readFailure(path, error);
  }
  const found = await handle.stat();
  if (found.isFile()) return handle;
  await handle.close();
  throw new ContentError(
    'INVALID_ARCHIVE',
    `${path} is not a regular file, so it cannot be read as an archive`,
    {
      hint: 'Save it to a file first: an archive is read by position.',
    },
  );
}

async function indexTar(
  path: string,
  handle: FileHandle,
  fileSize: number,
  { signal, maxIndexBytes }: { signal: AbortSignal | undefined; maxIndexBytes: number },
): Promise<EntryIndex> {
  const window = new ReadingWindow(handle.fd, fileSize, signal);
  if (fileSize === 0) throw invalid(path, 'is empty');
  const index = new EntryIndex();
  try {
    for await (const entry of walkTar(window, fileSize)) {
      index.add(entry);
      if (index.bytes > maxIndexBytes) throw tooManyEntries(path, maxIndexBytes);
    }
  } catch (error) {
    if (!(error instanceof WalkProblem))
      throw signal?.aborted || error instanceof ContentError ? error : readFailure(path, error);
    if (error.position === 0) throw notATar(path, window, error);
    throw invalid(path, `is damaged at byte ${error.position}: ${error.message}`, error);
  }
  return index;
}

function notATar(path: string, window: ReadingWindow, problem: WalkProblem): ContentError {
  const compression = detectCompression(window.view(0, MAGIC_LENGTH));
  if (compression === 'none') return invalid(path, `is not a tar: ${problem.message}`, problem);
  return new ContentError(
    'INVALID_ARCHIVE',
    `${path} is compressed with ${compression}; an archive is read in place, uncompressed`,
    {
      hint: `Decompress it first, for example: ${compression} -d < ${path} > archive.tar`,
    },
  );
}

function tooManyEntries(path: string, maxIndexBytes: number): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${path} has so many entries that their index would take more than ${maxIndexBytes} bytes`,
    {
      hint: 'An archive of images has few files; if this one is meant, raise limits.maxIndexBytes.',
    },
  );
}

function invalid(path: string, problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${path} ${problem}`, {
    cause,
    hint: 'Copy the archive again and compare its checksum with the original, or make it anew.',
  });
}

interface WalkedTar {
  location: string;
  path: string;
  handle: FileHandle;
  /** Of the file before it was walked. */
  stamp: FileStamp;
  index: EntryIndex;
}

class TarView implements FileView {
  readonly location: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #stamp: FileStamp;
  readonly #index: EntryIndex;
  /** Paths with more than one entry, once their bytes were found to be the same. */
  readonly #compared = new Map<string, Promise<void>>();

  constructor({ location, path, handle, stamp, index }: WalkedTar) {
    this.location = location;
    this.#path = path;
    this.#handle = handle;
    this.#stamp = stamp;
    this.#index = index;
  }

  async list(): Promise<{ path: string; size: number }[]> {
    const files: { path: string; size: number }[] = [];
    for (const path of this.#index.paths()) {
      const found = this.#index.find(path);
      if (found === undefined || 'refused' in found) continue;
      files.push({ path, size: found.files[0]?.size ?? 0 });
    }
    return files.sort(byPath);
  }

  async folders(): Promise<string[]> {
    const names = new Set<string>();
    for (const path of this.#index.paths()) {
      const slash = path.indexOf('/');
      if (slash > 0) names.add(path.slice(0, slash));
    }
    return [...names].sort();
  }

  async size(path: string): Promise<number | undefined> {
    return (await this.region(path))?.size;
  }

  async open(path: string, options: OpenFileOptions = {}): Promise<Readable> {
    options.signal?.throwIfAborted();
    const region = await this.#located(path);
    const { signal } = options;
    return streamRegion(this.#handle, partOf(region, options), { signal, stamp: this.#stamp });
  }

  async read(path: string, maxBytes: number): Promise<Buffer> {
    const region = await this.#located(path);
    if (region.size > maxBytes) throw fileTooLarge(this.location, path, region.size, maxBytes);
    return readRegion(this.#handle, region, { stamp: this.#stamp });
  }

  async region(path: string): Promise<Region | undefined> {
    const clean = cleanPath(path);
    const found = clean === undefined ? undefined : this.#index.find(clean);
    if (clean === undefined || found === undefined) return undefined;
    await requireUnchanged(this.#handle, this.#stamp, this.location);
    if ('refused' in found) throw invalid(this.location, `holds ${clean}, which ${found.refused}`);
    const [first, ...others] = found.files;
    if (first === undefined) return undefined;
    if (others.length > 0) await this.#requireSame(clean, first, others);
    return this.#regionOf(first);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #located(path: string): Promise<Region> {
    const region = await this.region(path);
    if (region === undefined) throw fileNotFound(this.location, path);
    return region;
  }

  // The last of two files with one name wins for who extracts, the first for who reads in one pass.
  #requireSame(path: string, first: TarFile, others: readonly TarFile[]): Promise<void> {
    let comparison = this.#compared.get(path);
    if (comparison === undefined) {
      comparison = this.#compare(path, first, others);
      this.#compared.set(path, comparison);
    }
    return comparison;
  }

  async #compare(path: string, first: TarFile, others: readonly TarFile[]): Promise<void> {
    for (const other of others) {
      if (!(await sameBytes(this.#handle, this.#regionOf(first), this.#regionOf(other)))) {
        throw invalid(this.location, `holds ${path} twice with different bytes`);
      }
    }
  }

  #regionOf({ offset, size }: TarFile): Region {
    return { path: this.#path, offset, size };
  }
}
