import { ContentError, type ErrorCode } from '../errors.js';
import type { Documents } from './documents.js';
import { shorten } from './json/json.js';
import { type DocumentKind, type Refusal, type Validator, validators } from './validators.js';

/** Error codes by kind of document; `INVALID_MANIFEST` if not listed. */
const CODES: Partial<Record<DocumentKind, ErrorCode>> = {
  'index-json': 'INVALID_LAYOUT',
  'oci-layout': 'INVALID_LAYOUT',
  'docker-archive-manifest': 'INVALID_ARCHIVE',
  'docker-archive-repositories': 'INVALID_ARCHIVE',
};

/**
 * Checks a parsed document against its schema. Throws `INVALID_MANIFEST` (or `INVALID_LAYOUT`, `INVALID_ARCHIVE`) with
 * the place in the document, what was expected there, and what was found. `where` is the document's digest or path;
 * `named` is its kind in the error, default `kind`.
 */
export function validate<K extends DocumentKind & keyof Documents>(
  kind: K,
  value: unknown,
  where: string,
): asserts value is Documents[K];
export function validate(kind: DocumentKind, value: unknown, where: string, named: DocumentKind): void;
export function validate(kind: DocumentKind, value: unknown, where: string, named = kind): void {
  const refusal = refusalOf(kind, value);
  if (refusal === undefined) return;
  throw new ContentError(codeOf(named), `${where} is not a valid ${named}: ${refusal.problem}`);
}

/** Returns the first violation of a schema, with its place as a JSON pointer; undefined if the document is valid. */
export function refusalOf(
  kind: DocumentKind,
  value: unknown,
): { place: string; problem: string } | undefined {
  return refusalBy(validators[kind], value);
}

/** Returns the first violation that a validator finds. */
export function refusalBy(
  validator: Validator,
  value: unknown,
): { place: string; problem: string } | undefined {
  if (validator(value)) return undefined;
  const refusal = validator.errors?.[0];
  if (refusal === undefined) return { place: '', problem: 'it does not fit its schema' };
  const { instancePath, keyword, params } = refusal;
  const place = keyword === 'required' ? `${instancePath}/${params.missingProperty}` : instancePath;
  return { place, problem: describe(refusal) };
}

/** Returns the error code for documents of this kind. */
export function codeOf(kind: DocumentKind): ErrorCode {
  return CODES[kind] ?? 'INVALID_MANIFEST';
}

/** Returns text like `at /layers/0/size, expected …, found …`. */
function describe({ instancePath, keyword, params, parentSchema, data }: Refusal): string {
  const place = instancePath === '' ? 'at the top' : `at ${shorten(instancePath, 200)}`;
  switch (keyword) {
    case 'required':
      return `${place}, expected a member "${params.missingProperty}", found none`;
    case 'const':
      return `${place}, expected ${JSON.stringify(params.allowedValue)}, found ${show(data)}`;
    case 'additionalProperties':
      return `${place}, the member "${shorten(String(params.additionalProperty), 200)}" is not defined`;
    case 'enum':
      return `${place}, expected one of ${JSON.stringify(params.allowedValues)}, found ${show(data)}`;
    default:
      return `${place}, expected ${parentSchema.description ?? keyword}, found ${show(data)}`;
  }
}

function show(found: unknown): string {
  if (Array.isArray(found)) return `a list of ${found.length}`;
  if (typeof found === 'object' && found !== null) return 'an object';
  return typeof found === 'string' ? `"${shorten(found)}"` : String(found);
}
