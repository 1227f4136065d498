import { printable } from '../errors.js';
import type { TarEntry, TarFile } from './entry.js';
import { bodySize, type Extensions, entryOf, MAX_NAME_BYTES } from './entry-of.js';
import { BLOCK_SIZE, decodeHeader, HeaderProblem, isZero, paddingAfter, type TarHeader } from './header.js';
import { parsePax } from './pax.js';
import type { ReadingWindow } from './window.js';

const MAX_PAX_BYTES = 1024 * 1024;
const MAX_SPARSE_MAP_BYTES = 1024 * 1024;
const SPARSE_EXTENDED_IN_HEADER = 482;
const SPARSE_EXTENDED_IN_BLOCK = 504;

/** A damaged or hostile archive: `position` is that of the header concerned. */
export class WalkProblem extends Error {
  readonly position: number;

  constructor(position: number, problem: string, cause?: unknown) {
    super(problem, { cause });
    this.position = position;
  }
}

/**
 * Every entry of a tar from a header on, from the headers alone; bodies are passed over. Undefined stands for a
 * header that only extends the next: whoever walks can pause after each. (An asynchronous generator takes 0.03 s more
 * for 20,000.) Throws `WalkProblem`.
 */
export function* walkTar(
  window: ReadingWindow,
  fileSize: number,
  firstHeader = 0,
): Generator<TarEntry | undefined> {
  let extensions: Extensions = {};
  let start = firstHeader;
  let position = firstHeader;
  for (;;) {
    const place: HeaderPlace = { start, position, fileSize };
    const step = at(position, () => readHeader(window, place, extensions));
    if (step === undefined) return;
    yield step.entry;
    extensions = step.extensions;
    position = step.next;
    if (!isExtended(extensions)) start = position;
  }
}

const MAX_HEADERS_BYTES = 4 * 1024 * 1024;

/** Whether a walk that begins where `file` is said to begin comes upon that very file first. */
export function isFileThere(window: ReadingWindow, file: TarFile): boolean {
  // More headers than any tool writes are walked where a walk can pause and be aborted.
  if (file.offset - file.start > MAX_HEADERS_BYTES) return false;
  try {
    // As if the tar ended with the file, so that the walk does not go past it.
    for (const found of walkTar(window, file.offset + file.size, file.start)) {
      if (found !== undefined) return isSameFile(found, file);
    }
  } catch (error) {
    if (!(error instanceof WalkProblem)) throw error;
  }
  return false;
}

function isSameFile(found: TarEntry, { path, start, offset, size }: TarFile): boolean {
  return (
    found.kind === 'file' &&
    found.path === path &&
    found.start === start &&
    found.offset === offset &&
    found.size === size
  );
}

interface HeaderPlace {
  /** Of the first of the headers that this one ends or goes on with. */
  start: number;
  position: number;
  fileSize: number;
}

interface Step {
  entry?: TarEntry | undefined;
  /** What holds for the header that follows. */
  extensions: Extensions;
  next: number;
}

function readHeader(
  window: ReadingWindow,
  { start, position, fileSize }: HeaderPlace,
  extensions: Extensions,
): Step | undefined {
  const block = window.view(position, BLOCK_SIZE);
  if (block.length < BLOCK_SIZE && !isZero(block))
    throw new HeaderProblem('the archive is cut short in a header');
  const header = block.length < BLOCK_SIZE ? undefined : decodeHeader(block);
  if (header === undefined) {
    if (isExtended(extensions)) throw new HeaderProblem('the entry that a long name belongs to is missing');
    // A missing end marker is tolerated, as is half of one; a lone block of zeros with more behind it is where
    // some readers stop and others go on.
    if (!isZero(window.view(position + BLOCK_SIZE, BLOCK_SIZE))) {
      throw new HeaderProblem('a lone block of zeros stands between the entries');
    }
    return undefined;
  }
  const body = position + BLOCK_SIZE + sparseMapSize(header, window, position);
  const size = bodySize(header, extensions);
  if (body + size > fileSize) {
    throw new HeaderProblem(
      `${describe(header, extensions)} reaches past the end of the file: the archive is cut short`,
    );
  }
  const next = body + size + paddingAfter(size);
  switch (header.type) {
    case 'x':
      return { extensions: withPax(extensions, readPax(window, body, size)), next };
    case 'g':
      refuseGlobalNames(readPax(window, body, size));
      return { extensions, next };
    case 'L':
      return { extensions: withOnce(extensions, 'path', readLongName(window, body, size)), next };
    case 'K':
      return { extensions: withOnce(extensions, 'linkPath', readLongName(window, body, size)), next };
    default:
      return { entry: entryOf(header, extensions, { start, offset: body }), extensions: {}, next };
  }
}

function isExtended(extensions: Extensions): boolean {
  for (const _ in extensions) return true;
  return false;
}

/** Runs `read` and tells a problem in what it met apart from a failure to read at all. */
function at<T>(position: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof HeaderProblem) throw new WalkProblem(position, error.message, error.cause);
    throw error;
  }
}

/** GNU's old sparse format puts further blocks of the map between the header and the body. */
function sparseMapSize(header: TarHeader, window: ReadingWindow, position: number): number {
  if (header.type !== 'S') return 0;
  let size = 0;
  let extended = window.view(position, BLOCK_SIZE)[SPARSE_EXTENDED_IN_HEADER] === 1;
  while (extended) {
    size += BLOCK_SIZE;
    if (size > MAX_SPARSE_MAP_BYTES) throw new HeaderProblem('the map of a sparse file does not end');
    extended = window.view(position + size, BLOCK_SIZE)[SPARSE_EXTENDED_IN_BLOCK] === 1;
  }
  return size;
}

function readPax(window: ReadingWindow, position: number, size: number): Map<string, string> {
  if (size > MAX_PAX_BYTES) throw new HeaderProblem(`a pax header is larger than ${MAX_PAX_BYTES} bytes`);
  return parsePax(readBody(window, position, size));
}

function readLongName(window: ReadingWindow, position: number, size: number): string {
  // The name ends in a NUL, which counts.
  if (size > MAX_NAME_BYTES + 1) throw new HeaderProblem(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  const bytes = readBody(window, position, size);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function readBody(window: ReadingWindow, position: number, size: number): Buffer {
  const bytes = window.copy(position, size);
  if (bytes.length < size) throw new HeaderProblem('the file became shorter while it was read');
  return bytes;
}

function withPax(extensions: Extensions, records: Map<string, string>): Extensions {
  let extended = extensions;
  const path = records.get('GNU.sparse.name') || records.get('path');
  if (path) extended = withOnce(extended, 'path', path);
  const linkPath = records.get('linkpath');
  if (linkPath) extended = withOnce(extended, 'linkPath', linkPath);
  const size = records.get('size');
  if (size) extended = withOnce(extended, 'size', parseSize(size));
  const sparse = [...records.keys()].some(
    (key) => key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize',
  );
  return sparse ? { ...extended, sparse } : extended;
}

/** An extension said twice in different words: readers differ in which one wins. */
function withOnce<K extends 'path' | 'linkPath' | 'size'>(
  extensions: Extensions,
  key: K,
  value: NonNullable<Extensions[K]>,
): Extensions {
  if (extensions[key] !== undefined && extensions[key] !== value) {
    throw new HeaderProblem(`an entry has two extended headers that differ in its ${key}`);
  }
  return { ...extensions, [key]: value };
}

function parseSize(text: string): number {
  const size = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(size)) {
    throw new HeaderProblem('the size in its pax header is not a number that can be right');
  }
  return size;
}

/** A global header may carry a comment (git archive's does); GNU tar takes names from it, Docker does not. */
function refuseGlobalNames(records: Map<string, string>): void {
  for (const key of records.keys()) {
    if (key === 'path' || key === 'linkpath' || key === 'size' || key.startsWith('GNU.sparse.')) {
      throw new HeaderProblem(`a global pax header sets the ${key} of every entry`);
    }
  }
}

function describe(header: TarHeader, extensions: Extensions): string {
  const name = extensions.path ?? header.name;
  return name === '' ? 'an entry' : printable(name.slice(0, 200));
}
