import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import {
  type FoundPlace,
  findImages,
  type Grade,
  type ImageOrigin,
  isReference,
  LadingError,
  parseImageList,
  readFailure,
} from '../index.js';
import { EXIT } from './exit-codes.js';
import { inputsOf, judge, takenOf, warnOfFound } from './find.js';
import type { Output } from './output.js';

/** Images of documents, for commands that go on with them. */
export interface ImagesOfDocuments {
  images: string[];
  /** Where each image stands, by its name. */
  origins: Map<string, readonly ImageOrigin[]>;
  /** The exit code of a command that succeeds otherwise. */
  code: number;
}

export interface FromOptions {
  grade?: Grade | undefined;
  /** What is not resolved is an error, before anything else is done; default false. */
  strict?: boolean | undefined;
  output: Output;
  signal: AbortSignal;
}

/** Finds the images of files and folders (`--from`), and says what was not taken. Throws `REFUSED` with `strict`. */
async function imagesFrom(
  inputs: { paths: readonly string[]; input?: Readable },
  { grade, strict = false, output, signal }: FromOptions,
): Promise<ImagesOfDocuments> {
  const result = await findImages({ ...inputs, signal });
  const taken = takenOf(result, { grade });
  const left = result.images.filter((image) => !taken.includes(image));
  warnOfFound(output, result, left);
  const code = judge(result, strict ? left : [], { strict });
  return {
    images: [...taken.map(({ name }) => name), ...new Set(result.patterns.map(({ pattern }) => pattern))],
    origins: new Map(taken.map(({ name, origins }) => [name, origins.map(originOf)])),
    code,
  };
}

function originOf({ file, line, path, grade }: FoundPlace): ImageOrigin {
  return { file, line, path, grade };
}

/**
 * Reads the names of a list (`--file`). A file that is no list, such as a manifest, is searched for images, and a warning
 * says so.
 */
async function imagesOfList(file: string | undefined, options: FromOptions): Promise<ImagesOfDocuments> {
  if (file === undefined) return { images: [], origins: new Map(), code: EXIT.done };
  const text = file === '-' ? await readText(process.stdin) : await readList(file);
  const images = parseImageList(text);
  if (!isDocument(images)) return { images, origins: new Map(), code: EXIT.done };
  const name = file === '-' ? 'standard input' : file;
  options.output.warning(
    `${name} is a document rather than a list of names: the images in it are taken, as with --from`,
  );
  return imagesFrom(
    file === '-' ? { paths: [], input: Readable.from([Buffer.from(text)]) } : { paths: [file] },
    options,
  );
}

async function readList(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw readFailure(`the list ${file}`, error);
  }
}

/** True for lines of YAML, JSON or a Dockerfile. A list with a mistake in it stays a list, so that the mistake is named. */
function isDocument(lines: readonly string[]): boolean {
  const others = lines.filter((line) => !isReference(line));
  return others.some((line) => /^(?:---|[{[]|- |["']?[\w./-]+["']?:(?:\s|$)|FROM\s)/.test(line));
}

/** Finds the images of a list and of documents, for the flags `--file` and `--from`; throws `USAGE`. */
export async function imagesOf(
  { file, from }: { file: string | undefined; from: readonly string[] },
  options: FromOptions,
): Promise<ImagesOfDocuments> {
  if (file === '-' && from.includes('-'))
    throw new LadingError('USAGE', 'standard input can be read once only');
  const inputs = inputsOf(from);
  const listed = await imagesOfList(file, options);
  if (from.length === 0) return listed;
  const found = await imagesFrom(inputs, options);
  return {
    images: [...listed.images, ...found.images],
    origins: new Map([...listed.origins, ...found.origins]),
    code: Math.max(listed.code, found.code),
  };
}
