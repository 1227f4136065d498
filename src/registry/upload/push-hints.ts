import type { Advice } from '../../errors.js';

const SPACE: Advice = {
  hint: 'Raise the limit of the registry, or of the proxy before it (client_max_body_size of nginx), for request bodies.',
};

const NOT_SO: Advice = {
  hint: 'The registry, or a proxy before it, does not take this kind of request; ask its owner how it takes pushes.',
};

/** What to do when a registry refuses a blob, by its code or by the status. (distribution-spec, "Error Codes") */
export const BLOB_HINTS: Readonly<Record<string, Advice>> = {
  NAME_INVALID: {
    hint: 'The registry does not take this repository name; push under another.',
    remedy: 'mapFile',
  },
  NAME_UNKNOWN: { hint: 'Some registries make no repository on push: make it there first.' },
  SIZE_INVALID: SPACE,
  404: { hint: 'Check the name; some registries make no repository on push: make it there first.' },
  405: NOT_SO,
  415: NOT_SO,
  501: NOT_SO,
  UNSUPPORTED: NOT_SO,
  411: { hint: 'A proxy before the registry wants lengths where there are none; go around it.' },
  413: SPACE,
  507: { hint: 'The registry has no space left.' },
};

/** The same where it refuses to begin: of a registry that takes pushes, nothing is wrong with so plain a request. */
export const START_HINTS: Readonly<Record<string, Advice>> = {
  ...Object.fromEntries(Object.entries(BLOB_HINTS).filter(([key]) => key !== 'UNSUPPORTED')),
  405: { hint: 'The registry takes no pushes; a mirror or proxy cache is read-only.' },
};

const LOCKED: Advice = {
  hint: 'The registry does not let this tag or manifest change, as it says above: push under another tag, or ask its owner.',
};

const OTHER_KIND: Advice = {
  hint: 'The registry does not take this kind of manifest; convert it to another.',
  remedy: 'convert',
};

/** The same for a manifest. */
export const MANIFEST_HINTS: Readonly<Record<string, Advice>> = {
  ...BLOB_HINTS,
  MANIFEST_BLOB_UNKNOWN: {
    hint: 'The registry lacks what the manifest names: push all of the image; of foreign layers, it must allow the URLs.',
  },
  BLOB_UNKNOWN: { hint: 'The registry lacks what the manifest names: push all of the image.' },
  MANIFEST_UNKNOWN: { hint: 'The registry lacks what the index names: push its images first.' },
  MANIFEST_INVALID: OTHER_KIND,
  UNSUPPORTED: OTHER_KIND,
  DIGEST_INVALID: { hint: 'The registry knows manifests by sha256 only, or they were changed on their way.' },
  TAG_INVALID: { hint: 'The registry does not take this tag, or does not let it move to another image.' },
  415: OTHER_KIND,
  409: LOCKED,
  412: LOCKED,
  405: { hint: 'The registry takes no manifests here, as a mirror does not, or does not let this tag move.' },
};
