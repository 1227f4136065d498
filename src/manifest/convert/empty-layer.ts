import type { Digest } from '../../content/digest.js';

/**
 * The layer that schema1 has for a build step that changed no file: an empty tar, with the fixed compression that
 * Docker uses. v1 IDs are computed from its digest, so it cannot be compressed differently.
 */
export const EMPTY_LAYER: { bytes: Buffer; digest: Digest; size: number; diffID: Digest } = {
  bytes: Buffer.from('H4sIAAAJbogA/2IYBaNgFIxYAAgAAP//Lq+17wAEAAA=', 'base64'),
  digest: 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4',
  size: 32,
  diffID: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
};
