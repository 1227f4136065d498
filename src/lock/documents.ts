import type { Digest } from '../content/digest.js';
import type { ImageOrigin } from '../content/origin.js';
import { ContentError } from '../errors.js';
import { refusalBy } from '../manifest/schema.js';
import { type DocumentKind, validators } from './validators.js';

/** The types of locks that are valid by their schemas. */
interface Documents {
  lock: LockDocument;
  'imgpkg-images-lock': ImgpkgLockDocument;
  'dt-images-lock': DtLockDocument;
}

/** Checks a parsed lock against its schema; throws `INVALID_LOCK` with the place, what was expected and what was found. */
export function validate<K extends DocumentKind & keyof Documents>(
  kind: K,
  value: unknown,
  where: string,
): asserts value is Documents[K] {
  const refusal = refusalBy(validators[kind], value);
  if (refusal === undefined) return;
  throw new ContentError('INVALID_LOCK', `${where} is not a valid ${kind}: ${refusal.problem}`);
}

export interface LockDocument {
  images: {
    attachments: { digest: Digest; mediaType: string; size: number; subject: Digest; tag?: string }[];
    by: 'digest' | 'name' | 'pattern';
    digest: Digest;
    mediaType: string;
    name: string;
    origins: ImageOrigin[];
    platforms: string[];
    size: number;
  }[];
  patterns: { repository: string; resolved: string[]; text: string }[];
  selection: {
    includeForeign: boolean;
    index: 'default' | 'rewrite' | 'sparse';
    platforms: string[] | null;
    referrers: boolean;
  };
}

export interface ImgpkgLockDocument {
  images: { image: string; annotations?: Record<string, string> | null }[];
}

export interface DtLockDocument {
  images: { image: string; digests: { arch: string; digest: Digest }[] }[];
}
