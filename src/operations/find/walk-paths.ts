import { createReadStream, type Dirent, type Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { detectCompression } from '../../content/compression.js';
import { hasTarMagic } from '../../content/tar-start.js';
import { readFailure } from '../../disk/region.js';
import { isLadingError, LadingError, systemCode } from '../../errors.js';
import type { ReadBeside } from '../../find/finder.js';
import { isEnvironmentName } from '../../find/forms/environment.js';
import type { Limits } from '../../find/limits.js';
import type { FindProblem } from '../../find/report.js';
import { openFilesOfArchive } from './archive-files.js';

/** A file to look into. */
export interface GivenFile {
  /** As the user named it, with what is below; within an archive `chart.tgz/app/values.yaml`. */
  file: string;
  bytes: Buffer;
  readBeside: ReadBeside;
  /** The user named this very file. */
  isNamed: boolean;
}

export interface WalkPathsOptions {
  limits: Limits;
  signal?: AbortSignal | undefined;
  onProblem: (problem: FindProblem) => void;
}

/** Folders that hold no documents of their own. */
const SKIPPED: ReadonlySet<string> = new Set([
  '.git',
  '.hg',
  '.svn',
  'node_modules',
  '.terraform',
  '__pycache__',
]);

/** Yields the files at a path: a file itself, those of a folder with all below, those of an archive of charts. */
export async function* filesAt(path: string, options: WalkPathsOptions): AsyncGenerator<GivenFile> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    throw readFailure(path, error);
  }
  const counted = { files: 0 };
  if (found.isDirectory()) {
    const root = await realpath(path);
    yield* filesIn(path, { root, depth: 0, counted, ...options });
  } else if (found.isFIFO() || found.isCharacterDevice()) {
    // A pipe, as in `<(helm template app)`, has no size, and is read once.
    yield* filesOfStream(path, createReadStream(path), options);
  } else
    yield* filesOf(path, {
      root: await realpath(dirname(path)),
      depth: 0,
      counted,
      isNamed: true,
      ...options,
    });
}

/** Yields the document that a stream is, or the documents of the archive that it is. `file` is its name in places. */
export async function* filesOfStream(
  file: string,
  input: Readable,
  { limits, signal, onProblem }: WalkPathsOptions,
): AsyncGenerator<GivenFile> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of input) {
      signal?.throwIfAborted();
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > limits.maxFileBytes) {
        onProblem({
          file,
          message: `it has more than ${limits.maxFileBytes} bytes, and is not read`,
          limit: 'maxFileBytes',
        });
        return;
      }
      chunks.push(bytes);
    }
  } catch (error) {
    if (signal?.aborted || systemCode(error) === undefined) throw error;
    throw readFailure(file, error);
  }
  const bytes = Buffer.concat(chunks);
  if (isArchive(bytes))
    yield* filesOfArchive(file, bytes, { limits, signal, onProblem, counted: { files: 0 }, depth: 0 });
  else yield { file, bytes, isNamed: true, readBeside: async () => undefined };
}

interface Walk extends WalkPathsOptions {
  /** The folder that nothing is read outside of. */
  root: string;
  depth: number;
  counted: { files: number };
  isNamed?: boolean;
}

async function* filesIn(folder: string, walk: Walk): AsyncGenerator<GivenFile> {
  const { limits, onProblem, root } = walk;
  if (walk.depth > limits.maxFolders) {
    onProblem({
      file: folder,
      message: `it lies deeper than ${limits.maxFolders} folders, and is not read`,
      limit: 'maxFolders',
    });
    return;
  }
  for (const entry of await entriesIn(folder, onProblem)) {
    walk.signal?.throwIfAborted();
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) {
      if (await leadsOut(path, root))
        onProblem({ file: path, message: 'it is a link that leads out of the folder, and is not followed' });
      continue;
    }
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) yield* filesIn(path, { ...walk, depth: walk.depth + 1 });
    } else if (entry.isFile() && isDocumentName(entry.name)) yield* filesOf(path, walk);
  }
}

async function entriesIn(folder: string, onProblem: (problem: FindProblem) => void): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    onProblem({ file: folder, message: readFailure(folder, error).message });
    return [];
  }
}

async function leadsOut(path: string, root: string): Promise<boolean> {
  try {
    return !isWithin(await realpath(path), root);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return true;
  }
}

async function* filesOf(path: string, walk: Walk): AsyncGenerator<GivenFile> {
  const { limits, onProblem, counted, root, isNamed = false, signal } = walk;
  if (isOneTooMany(path, walk)) return;
  let bytes: Buffer;
  try {
    const { size } = await statsOfFile(path, { followLink: isNamed });
    if (isTooLarge(path, size, walk)) return;
    bytes = await readFile(path, { signal });
  } catch (error) {
    const failure = isLadingError(error) ? error : readFailure(path, error);
    if (isNamed) throw failure;
    onProblem({ file: path, message: failure.message });
    return;
  }
  if (isArchive(bytes)) {
    yield* filesOfArchive(path, bytes, { limits, signal, onProblem, counted, depth: walk.depth });
    return;
  }
  yield { file: path, bytes, isNamed, readBeside: besideOnDisk(path, root, limits) };
}

/** Rejects with `IO` for what is not a regular file, such as a pipe that nobody writes to. */
async function statsOfFile(path: string, { followLink }: { followLink: boolean }): Promise<Stats> {
  const found = followLink ? await stat(path) : await lstat(path);
  if (found.isFile()) return found;
  throw new LadingError('IO', `${path} is not a regular file`);
}

/** Counts a file. Returns true, and reports it once, if there are more than may be read. */
function isOneTooMany(file: string, { limits, onProblem, counted }: ArchiveWalk): boolean {
  counted.files++;
  if (counted.files === limits.maxFiles + 1)
    onProblem({
      file,
      message: `there are more than ${limits.maxFiles} files; the rest is not read`,
      limit: 'maxFiles',
    });
  return counted.files > limits.maxFiles;
}

/** Returns true, and reports it, if a file is larger than may be read. */
function isTooLarge(file: string, size: number, { limits, onProblem }: WalkPathsOptions): boolean {
  if (size <= limits.maxFileBytes) return false;
  onProblem({
    file,
    message: `it has ${size} bytes, which is more than ${limits.maxFileBytes}`,
    limit: 'maxFileBytes',
  });
  return true;
}

interface ArchiveWalk extends WalkPathsOptions {
  counted: { files: number };
  depth: number;
}

/** Yields the documents of an archive, such as a chart, and of the archives in it: its subcharts. */
async function* filesOfArchive(file: string, bytes: Buffer, walk: ArchiveWalk): AsyncGenerator<GivenFile> {
  const { limits, onProblem, depth } = walk;
  if (depth > limits.maxFolders) {
    onProblem({
      file,
      message: `it lies deeper than ${limits.maxFolders} folders and archives, and is not read`,
      limit: 'maxFolders',
    });
    return;
  }
  const archive = await openFilesOfArchive(file, bytes, walk);
  if (archive === undefined) return;
  try {
    for (const { path, size } of await archive.list()) {
      walk.signal?.throwIfAborted();
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (!isDocumentName(name)) continue;
      const inner = `${file}/${path}`;
      if (isOneTooMany(inner, walk)) return;
      if (isTooLarge(inner, size, walk)) continue;
      const content = await archive.read(path, limits.maxFileBytes);
      if (isArchive(content)) yield* filesOfArchive(inner, content, { ...walk, depth: depth + 1 });
      else
        yield {
          ...{ file: inner, bytes: content, isNamed: false },
          readBeside: async (other) => {
            const target = pathBeside(path, other);
            const there = target !== undefined && (await archive.size(target)) !== undefined;
            return there ? archive.read(target, limits.maxFileBytes) : undefined;
          },
        };
    }
  } finally {
    await archive.close();
  }
}

/** Returns the path of another file of an archive; undefined if it leads out of it. */
function pathBeside(file: string, other: string): string | undefined {
  const path = posix.join(posix.dirname(file), other);
  return path === '..' || path.startsWith('../') ? undefined : path;
}

function besideOnDisk(file: string, root: string, limits: Limits): ReadBeside {
  return async (other) => {
    const path = resolve(dirname(file), other);
    try {
      const real = await realpath(path);
      const { size } = await statsOfFile(real, { followLink: false });
      return isWithin(real, root) && size <= limits.maxFileBytes ? await readFile(real) : undefined;
    } catch {
      return undefined; // the place that names it is reported
    }
  };
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && resolve(way) !== way);
}

/** The first bytes of archives: of a compressed one, and the magic of a tar. */
function isArchive(bytes: Buffer): boolean {
  return detectCompression(bytes) !== 'none' || hasTarMagic(bytes);
}

/** True for names that documents with images have. Other files of a folder are its program, its pictures, its prose. */
function isDocumentName(name: string): boolean {
  if (
    /\.(?:ya?ml|json|tpl|tmpl|gotmpl|j2|tgz|tar\.gz|tar\.zst|tar\.xz|txt|list|lst|lock|ndjson|jsonl|digests?)$/i.test(
      name,
    )
  )
    return !OTHERS.test(name);
  if (/\.ya?ml\.[\w.-]+$/i.test(name)) return true;
  if (/^(?:docker|container)file/i.test(name) || /\.(?:docker|container)file$/i.test(name))
    return !name.endsWith('.dockerignore');
  return /^kustomization$/i.test(name) || isEnvironmentName(name) || !name.includes('.');
}

const OTHERS =
  /^(?:NOTES\.txt|LICENSE.*|package(?:-lock)?\.json|tsconfig.*\.json|.*\.schema\.json|yarn\.lock|Cargo\.lock|poetry\.lock|Gemfile\.lock|go\.sum|Chart\.lock|composer\.lock|requirements.*\.txt|CMakeLists\.txt|README.*|CHANGELOG.*)$/i;
