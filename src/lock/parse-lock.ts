import { isUtf8 } from 'node:buffer';
import { LOCK_MEDIA_TYPE } from '../content/media-types.js';
import { formatReference } from '../content/reference.js';
import { ContentError, messageOf } from '../errors.js';
import { isJSONObject, parseJSON, shorten } from '../manifest/json/json.js';
import { type LockDocument, validate } from './documents.js';
import { parseDtLock, parseImgpkgLock, referenceIn } from './images-lock.js';
import type { Lock, LockedImage } from './lock.js';

/** The largest lock that is read; 100,000 images need less. */
export const MAX_LOCK_BYTES = 128 * 1024 * 1024;
/** A parsed YAML document takes many times its size. */
const MAX_YAML_BYTES = 4 * 1024 * 1024;
/** Locks nest six levels deep; the parser takes seconds for a hundred thousand. */
const MAX_YAML_DEPTH = 100;

/**
 * Reads a lock: lading's own, or the `ImagesLock` of imgpkg, kbld or dt, recognised by their content. `where` names it in
 * errors. Rejects with `INVALID_LOCK`, and with `TOO_LARGE` beyond 128 MiB, or 4 MiB of YAML.
 */
export async function parseLock(bytes: Uint8Array, where: string): Promise<Lock> {
  const document = await parseDocument(bytes, where);
  if (isJSONObject(document) && document.kind === 'ImagesLock')
    return {
      ...(document.apiVersion === 'v0' ? parseDtLock : parseImgpkgLock)(document, where),
      location: where,
    };
  if (!isJSONObject(document) || document.mediaType === undefined)
    throw notALock(where, 'it is neither a lock of lading nor an ImagesLock', LISTS);
  const { mediaType } = document;
  if (mediaType !== LOCK_MEDIA_TYPE) {
    const isOther = /^application\/vnd\.lading\.lock\./.test(String(mediaType));
    throw notALock(
      where,
      `it is ${shorten(String(mediaType))}`,
      isOther ? 'A newer lading reads it.' : LISTS,
    );
  }
  validate('lock', document, where);
  return { ...lockOf(document, where), location: where };
}

const LISTS = 'A list of names is not a lock: make a lock of it first.';

async function parseDocument(bytes: Uint8Array, where: string): Promise<unknown> {
  if (bytes.byteLength > MAX_LOCK_BYTES) throw tooLarge(where, bytes, MAX_LOCK_BYTES);
  if (/^\s*[{[]/.test(Buffer.from(bytes.subarray(0, 256)).toString('latin1')))
    return parseJSON(bytes, { what: where, code: 'INVALID_LOCK' });
  if (bytes.byteLength > MAX_YAML_BYTES) throw tooLarge(where, bytes, MAX_YAML_BYTES);
  if (!isUtf8(bytes)) throw notALock(where, 'it is not UTF-8');
  const text = Buffer.from(bytes).toString('utf8');
  if (nestsTooDeep(text)) throw notALock(where, 'it nests too deep');
  const { parseYAML } = await import('./yaml.js'); // loading it takes 15 ms
  try {
    const document: unknown = parseYAML(text, {
      maxAliasCount: 0, // locks have none, and a few of them can stand for gigabytes
      prettyErrors: false,
      logLevel: 'error',
    });
    return document;
  } catch (error) {
    throw notALock(where, `it is neither JSON nor YAML (${messageOf(error)})`, LISTS, error);
  }
}

/** Judges by brackets that are not closed, and by marks of lists in a row; indentation is limited by the size. */
function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > MAX_YAML_DEPTH) return true;
  }
  return text.includes('- '.repeat(MAX_YAML_DEPTH));
}

function lockOf({ images, patterns, selection }: LockDocument, where: string): Lock {
  const { includeForeign, index, platforms, referrers } = selection;
  const known = new Set<string>();
  for (const [at, image] of images.entries()) {
    const place = `${where}: image ${at + 1}`;
    requireName(image, place);
    const key = `${image.name} ${image.digest}`;
    if (known.has(key)) throw notALock(place, `${image.name} with ${image.digest} is there twice`);
    known.add(key);
  }
  return {
    selection: {
      includeForeign,
      referrers,
      index: index === 'default' ? undefined : index,
      platforms: platforms ?? undefined,
    },
    // Parsed objects have no prototype.
    images: images.map(({ attachments, origins, ...image }) => ({
      ...image,
      attachments: attachments.map((one) => ({ ...one })),
      origins: origins.map((one) => ({ ...one })),
    })),
    patterns: patterns.map((one) => ({ ...one })),
  };
}

/** Requires a full name as lading writes it: a tool that compares names must not get another spelling. */
function requireName({ name, digest }: LockedImage, place: string): void {
  const reference = referenceIn(name, place);
  if (formatReference(reference) !== name) throw notALock(place, `${name} is not written in full`);
  if (reference.tag === undefined && reference.digest === undefined)
    throw notALock(place, `${name} has neither a tag nor a digest`);
  if (reference.digest !== undefined && reference.digest !== digest)
    throw notALock(place, `${name} is said to have the digest ${digest}`);
}

function notALock(place: string, problem: string, hint?: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_LOCK', `${place} is not a valid lock: ${problem}`, { hint, cause });
}

function tooLarge(where: string, { byteLength }: Uint8Array, limit: number): ContentError {
  return new ContentError('TOO_LARGE', `the lock ${where} has ${byteLength} bytes; the limit is ${limit}`);
}
