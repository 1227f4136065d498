import { printable } from '../errors.js';
import type { TarEntry, TarFile } from './entry.js';
import { bodySize, type Extensions, entryOf, MAX_NAME_BYTES } from './entry.js';
import {
  AmbiguousHeader,
  BLOCK_SIZE,
  decodeHeader,
  HeaderProblem,
  isZero,
  paddingAfter,
  parsePax,
  RefusedHeader,
  requireOneForm,
  type TarHeader,
} from './header.js';
import type { ReadingWindow } from './window.js';

const MAX_PAX_BYTES = 1024 * 1024;

/** An archive is damaged, refused or ambiguous; `position` is that of the header with the problem. */
export class WalkProblem extends Error {
  readonly position: number;

  /** True if nothing is damaged, but tools read the header differently. */
  get isAmbiguity(): boolean {
    return this.cause instanceof AmbiguousHeader;
  }

  constructor(position: number, problem: string, cause?: unknown) {
    super(problem, { cause });
    this.position = position;
  }
}

/**
 * Yields every entry of a tar from `firstHeader` on, and skips the bodies. It yields undefined for a header that
 * extends the next one, so that the caller can pause after every header. (An asynchronous generator would take 0.03 s
 * more for 20,000 headers.) Returns the position where the entries end. Throws `WalkProblem`.
 */
export function* walkTar(
  window: ReadingWindow,
  fileSize: number,
  firstHeader = 0,
): Generator<TarEntry | undefined, number> {
  let extensions: Extensions = {};
  let start = firstHeader;
  let position = firstHeader;
  for (;;) {
    const place: HeaderPlace = { start, position, fileSize };
    const step = at(position, () => readHeader(window, place, extensions));
    if (step === undefined) return position;
    yield step.entry;
    extensions = step.extensions;
    position = step.next;
    if (!isExtended(extensions)) start = position;
  }
}

const MAX_HEADERS_BYTES = 4 * 1024 * 1024;

/** True if the first entry of a walk from `file.start` is exactly `file`. */
export function isFileThere(window: ReadingWindow, file: TarFile): boolean {
  // No tool writes so many headers for one entry. The caller then walks over the whole tar, which can pause and be
  // aborted.
  if (file.offset - file.start > MAX_HEADERS_BYTES) return false;
  try {
    // The walk gets the end of the file as the end of the tar, so that it does not read beyond.
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
  /** The position of the entry's first header: this one, or the first extension header before it. */
  start: number;
  position: number;
  fileSize: number;
}

interface Step {
  entry?: TarEntry | undefined;
  /** Extensions that apply to the next header. */
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
    // The end marker may be missing, or have only one block. But if more follows a single block of zeros, some tools
    // stop there and others continue.
    if (!isZero(window.view(position + BLOCK_SIZE, BLOCK_SIZE))) {
      throw new AmbiguousHeader('there is a single block of zeros between entries');
    }
    return undefined;
  }
  requireOneForm(block);
  const body = position + BLOCK_SIZE;
  const size = bodySize(header, extensions);
  if (body + size > fileSize) {
    throw new HeaderProblem(
      `${describe(header, extensions)} reaches past the end of the file: the archive is cut short`,
    );
  }
  const next = body + size + paddingAfter(size);
  if (EXTENSIONS.includes(header.type)) requireFreshExtension(header.type, extensions);
  switch (header.type) {
    case 'x':
      return { extensions: fromPax(readPax(window, body, size)), next };
    case 'g':
      refuseGlobalNames(readPax(window, body, size));
      return { extensions, next };
    case 'L':
      return { extensions: { ...extensions, path: readLongName(window, body, size) }, next };
    case 'K':
      return { extensions: { ...extensions, linkPath: readLongName(window, body, size) }, next };
    default:
      return { entry: entryOf(header, extensions, { start, offset: body }), extensions: {}, next };
  }
}

const EXTENSIONS = ['x', 'g', 'L', 'K'];

/**
 * Refuses two extension headers in a row, of which some tools use the first and others do not: Go's archive/tar drops a
 * pax header at the next pax header, drops everything at a global one, and prefers GNU's name to pax's; Python's
 * tarfile does the opposite. All tools agree only on GNU's pair of a long name and a long link target.
 */
function requireFreshExtension(type: string, extensions: Extensions): void {
  const pending = Object.keys(extensions);
  if (pending.length === 0) return;
  const other = type === 'L' ? 'linkPath' : type === 'K' ? 'path' : undefined;
  if (extensions.pax !== true && pending.length === 1 && pending[0] === other) return;
  throw new AmbiguousHeader(
    'an extension header precedes another one, and tools differ in which one they use',
  );
}

function isExtended(extensions: Extensions): boolean {
  for (const _ in extensions) return true;
  return false;
}

/** Runs `read`, and turns a `HeaderProblem` into a `WalkProblem` at this position. */
function at<T>(position: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof HeaderProblem) throw new WalkProblem(position, error.message, error);
    throw error;
  }
}

function readPax(window: ReadingWindow, position: number, size: number): Map<string, string> {
  if (size > MAX_PAX_BYTES) throw new RefusedHeader(`a pax header is larger than ${MAX_PAX_BYTES} bytes`);
  return parsePax(readBody(window, position, size));
}

function readLongName(window: ReadingWindow, position: number, size: number): string {
  // The size includes the NUL at the end of the name.
  if (size > MAX_NAME_BYTES + 1) throw new RefusedHeader(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  const bytes = readBody(window, position, size);
  const end = bytes.indexOf(0);
  if (end >= 0 && !isZero(bytes.subarray(end)))
    throw new AmbiguousHeader('a long name has a NUL in its middle');
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function readBody(window: ReadingWindow, position: number, size: number): Buffer {
  const bytes = window.copy(position, size);
  if (bytes.length < size) throw new HeaderProblem('the file became shorter while it was read');
  return bytes;
}

function fromPax(records: Map<string, string>): Extensions {
  refuseSparse(records);
  const extensions: Extensions = { pax: true };
  // An empty value means that the record is absent.
  const path = records.get('path');
  if (path) extensions.path = path;
  const linkPath = records.get('linkpath');
  if (linkPath) extensions.linkPath = linkPath;
  const size = records.get('size');
  if (size) extensions.size = parseSize(size);
  return extensions;
}

/** Refuses sparse files: tools support different versions of the formats, and read other names or sizes if they do. */
function refuseSparse(records: Map<string, string>): void {
  for (const key of records.keys()) {
    if (key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize')
      throw new AmbiguousHeader(
        `its pax header describes a sparse file (${key}), which tools read differently`,
      );
  }
}

function parseSize(text: string): number {
  const size = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(size)) {
    throw new HeaderProblem('the size in its pax header is not a valid number');
  }
  return size;
}

/**
 * Refuses names and sizes in a global header: GNU tar uses them, Docker does not. Comments are allowed: git archive has
 * one.
 */
function refuseGlobalNames(records: Map<string, string>): void {
  refuseSparse(records);
  for (const key of records.keys()) {
    if (key === 'path' || key === 'linkpath' || key === 'size') {
      throw new AmbiguousHeader(`a global pax header sets the ${key} of every entry`);
    }
  }
}

function describe(header: TarHeader, extensions: Extensions): string {
  const name = extensions.path ?? header.name;
  return name === '' ? 'an entry' : printable(name.slice(0, 200));
}
