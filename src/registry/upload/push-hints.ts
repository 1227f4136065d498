import type { Advice } from '../../errors.js';

const SPACE: Advice = {
  hint: 'Raise the limit for request bodies of the registry, or of the proxy in front of it (client_max_body_size of nginx).',
};

const NOT_SO: Advice = {
  hint: 'The registry, or a proxy in front of it, does not support this kind of request; ask its owner how to push to it.',
};

/** Hints for a refused blob, by the registry's error code or the status. (distribution-spec, "Error Codes") */
export const BLOB_HINTS: Readonly<Record<string, Advice>> = {
  NAME_INVALID: {
    hint: 'The registry does not accept this repository name; push under another.',
    remedy: 'mapFile',
  },
  NAME_UNKNOWN: { hint: 'Some registries do not create repositories on push: create it there first.' },
  SIZE_INVALID: SPACE,
  404: { hint: 'Check the name; some registries do not create repositories on push: create it there first.' },
  405: NOT_SO,
  415: NOT_SO,
  501: NOT_SO,
  UNSUPPORTED: NOT_SO,
  411: {
    hint: 'A proxy in front of the registry requires a Content-Length that this request does not have; go around it.',
  },
  413: SPACE,
  507: { hint: 'The registry has no space left.' },
};

/**
 * Hints for a POST that was refused. `UNSUPPORTED` has none: a registry that accepts pushes supports this simple
 * request.
 */
export const START_HINTS: Readonly<Record<string, Advice>> = {
  ...Object.fromEntries(Object.entries(BLOB_HINTS).filter(([key]) => key !== 'UNSUPPORTED')),
  405: { hint: 'The registry does not accept pushes; a mirror or proxy cache is read-only.' },
};

const LOCKED: Advice = {
  hint: 'The registry does not allow this tag or manifest to change (see above): push under another tag, or ask its owner.',
};

const OTHER_KIND: Advice = {
  hint: 'The registry does not accept this kind of manifest; convert it to another.',
  remedy: 'convert',
};

/** Hints for a refused manifest. */
export const MANIFEST_HINTS: Readonly<Record<string, Advice>> = {
  ...BLOB_HINTS,
  MANIFEST_BLOB_UNKNOWN: {
    hint: 'The registry lacks content that the manifest names: push the whole image; the registry must allow the URLs of foreign layers.',
  },
  BLOB_UNKNOWN: { hint: 'The registry lacks content that the manifest names: push the whole image.' },
  MANIFEST_UNKNOWN: { hint: 'The registry lacks images that the index names: push them first.' },
  MANIFEST_INVALID: OTHER_KIND,
  UNSUPPORTED: OTHER_KIND,
  DIGEST_INVALID: {
    hint: 'The registry supports only sha256 for manifests, or the manifest was changed on its way.',
  },
  TAG_INVALID: {
    hint: 'The registry does not accept this tag, or does not allow it to move to another image.',
  },
  415: OTHER_KIND,
  409: LOCKED,
  412: LOCKED,
  405: {
    hint: 'The registry does not accept manifests (it may be a mirror), or does not allow this tag to move.',
  },
};
