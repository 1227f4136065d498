/**
 * The size up to which registries accept manifests and clients read them. (distribution-spec, "Pushing manifests": at
 * least 4 MiB)
 */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** The size up to which clients read image configs. */
export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** The limit for manifest.json and repositories of a Docker archive, which list all of its content. */
export const MAX_ARCHIVE_DOCUMENT_BYTES = 20 * 1024 * 1024;
