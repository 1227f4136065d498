import type { Digest } from '../content/digest.js';
import { MANIFEST_MEDIA_TYPES } from '../content/media-types.js';

/** Header names of the distribution API, in lower case as in Node.js. */
export const HEADER = {
  contentDigest: 'docker-content-digest',
  apiVersion: 'docker-distribution-api-version',
  subject: 'oci-subject',
  filtersApplied: 'oci-filters-applied',
  chunkMinLength: 'oci-chunk-min-length',
} as const;

/**
 * The Accept header of every manifest request. A registry may convert or hide types that are missing here.
 * (distribution, manifest down-conversion)
 */
export const MANIFEST_ACCEPT = [...MANIFEST_MEDIA_TYPES, '*/*'].join(', ');

/** Maximum size of a manifest in bytes. (distribution-spec, "Pushing Manifests") */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Largest number of names in a page that registries accept. */
export const MAX_PAGE_SIZE = 1000;

/** Paths of the endpoints, by their numbers in the distribution-spec ("Endpoints"). */
export const path = {
  /** end-1 */
  base: () => '/v2/',
  /** end-2, end-10 */
  blob: (repository: string, digest: Digest) => `/v2/${repository}/blobs/${digest}`,
  /** end-3, end-7, end-9 */
  manifest: (repository: string, reference: string) =>
    `/v2/${repository}/manifests/${encodeURIComponent(reference).replace('%3A', ':')}`,
  /** end-4, end-11 */
  uploads: (repository: string) => `/v2/${repository}/blobs/uploads/`,
  /** end-8 */
  tags: (repository: string) => `/v2/${repository}/tags/list`,
  /** end-12 */
  referrers: (repository: string, digest: Digest) => `/v2/${repository}/referrers/${digest}`,
  /** only in distribution, not in the OCI specification */
  catalog: () => '/v2/_catalog',
} as const;
