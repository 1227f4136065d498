import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { readDescriptor } from './descriptor.js';
import type { ArchiveImageDocument } from './documents.js';
import { parseJSON } from './json.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from './limits.js';
import { codeOf, validate } from './schema.js';
import { ARCHIVE_MANIFEST, REPOSITORIES } from './shapes.js';

/** An image of a Docker archive, an element of its manifest.json. Paths are as they stand there, unchecked. */
export interface ArchiveImage {
  config: string;
  /** References as the writer spelled them, familiar or full. */
  repoTags: string[];
  /** Paths, base first. */
  layers: string[];
  /** Digest of the config of the image that this one was built on. */
  parent?: Digest;
  /** By diffID, the descriptor that a layer came with. */
  layerSources: Map<string, Descriptor>;
}

/** A tag in the file `repositories` of a Docker archive. */
export interface ArchiveTag {
  repository: string;
  tag: string;
  /** The top image's folder. */
  v1ID: string;
}

/** manifest.json → the archive's images; throws `INVALID_ARCHIVE`, on null too. */
export function parseArchiveManifest(bytes: Uint8Array, where: string): ArchiveImage[] {
  const code = codeOf('docker-archive-manifest');
  const document = parseJSON(bytes, {
    shape: ARCHIVE_MANIFEST,
    what: where,
    maxBytes: MAX_ARCHIVE_DOCUMENT_BYTES,
    code,
  });
  validate('docker-archive-manifest', document, where);
  return document.map(readArchiveImage);
}

function readArchiveImage({
  Config,
  RepoTags,
  Layers,
  Parent,
  LayerSources,
}: ArchiveImageDocument): ArchiveImage {
  const sources = Object.entries(LayerSources ?? {});
  return {
    config: Config,
    repoTags: RepoTags ?? [],
    layers: Layers ?? [],
    ...(Parent ? { parent: Parent } : {}),
    layerSources: new Map(sources.map(([diffID, source]) => [diffID, readDescriptor(source)])),
  };
}

/** `repositories` → its tags, in the order of the file; throws `INVALID_ARCHIVE`. */
export function parseArchiveRepositories(bytes: Uint8Array, where: string): ArchiveTag[] {
  const code = codeOf('docker-archive-repositories');
  const document = parseJSON(bytes, {
    shape: REPOSITORIES,
    what: where,
    maxBytes: MAX_ARCHIVE_DOCUMENT_BYTES,
    code,
  });
  validate('docker-archive-repositories', document, where);
  return Object.entries(document).flatMap(([repository, tags]) =>
    Object.entries(tags).map(([tag, v1ID]) => ({ repository, tag, v1ID })),
  );
}
