const SPACE_HINT =
  'Raise the limit of the registry, or of the proxy before it (client_max_body_size of nginx), for request bodies.';

const NOT_SO =
  'The registry, or a proxy before it, does not take this kind of request; ask its owner how it takes pushes.';

/** What to do when a registry refuses a blob, by its code or by the status. (distribution-spec, "Error Codes") */
export const BLOB_HINTS: Readonly<Record<string, string>> = {
  NAME_INVALID: 'The registry does not take this repository name; push under another, see --map.',
  NAME_UNKNOWN: 'Some registries make no repository on push: make it there first.',
  SIZE_INVALID: SPACE_HINT,
  404: 'Check the name; some registries make no repository on push: make it there first.',
  405: NOT_SO,
  415: NOT_SO,
  501: NOT_SO,
  UNSUPPORTED: NOT_SO,
  411: 'A proxy before the registry wants lengths where there are none; go around it.',
  413: SPACE_HINT,
  507: 'The registry has no space left.',
};

/** The same where it refuses to begin: of a registry that takes pushes, nothing is wrong with so plain a request. */
export const START_HINTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(BLOB_HINTS).filter(([key]) => key !== 'UNSUPPORTED')),
  405: 'The registry takes no pushes; a mirror or proxy cache is read-only.',
};

const LOCKED =
  'The registry does not let this tag or manifest change, as it says above: push under another tag, or ask its owner.';

/** The same for a manifest. */
export const MANIFEST_HINTS: Readonly<Record<string, string>> = {
  ...BLOB_HINTS,
  MANIFEST_BLOB_UNKNOWN:
    'The registry lacks what the manifest names: push all of the image; of foreign layers, it must allow the URLs.',
  BLOB_UNKNOWN: 'The registry lacks what the manifest names: push all of the image.',
  MANIFEST_UNKNOWN: 'The registry lacks what the index names: push its images first.',
  MANIFEST_INVALID: 'The registry does not take this kind of manifest; convert it with lading convert.',
  UNSUPPORTED: 'The registry does not take this kind of manifest; convert it with lading convert.',
  DIGEST_INVALID: 'The registry knows manifests by sha256 only, or they were changed on their way.',
  TAG_INVALID: 'The registry does not take this tag, or does not let it move to another image.',
  415: 'The registry does not take this kind of manifest; convert it with lading convert.',
  409: LOCKED,
  412: LOCKED,
  405: 'The registry takes no manifests here, as a mirror does not, or does not let this tag move.',
};
