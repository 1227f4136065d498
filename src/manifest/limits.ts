/** What registries accept and clients read. (distribution-spec, "Pushing manifests": at least 4 MiB) */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Of an image config; clients agree on it. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** Of a Docker archive's manifest.json and repositories, which name all that it holds. */
export const MAX_ARCHIVE_DOCUMENT_BYTES = 20 * 1024 * 1024;
