import type { Digest } from '../../content/digest.js';

/**
 * What stands in schema1 for a build step that changed no file: a tar of nothing, as Docker compressed it
 * once and for all. Its digest enters v1 IDs, so that no other compression of the same will do.
 */
export const EMPTY_LAYER: { bytes: Buffer; digest: Digest; size: number; diffID: Digest } = {
  bytes: Buffer.from('H4sIAAAJbogA/2IYBaNgFIxYAAgAAP//Lq+17wAEAAA=', 'base64'),
  digest: 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4',
  size: 32,
  diffID: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
};
