import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { readDescriptor } from './descriptor.js';
import type { ArchiveImageDocument, DescriptorDocument } from './documents.js';
import { isJSONObject, parseJSON, shorten } from './json.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from './limits.js';
import { codeOf, refusalOf, validate } from './schema.js';
import { ARCHIVE_MANIFEST, REPOSITORIES } from './shapes.js';

/** An image of a Docker archive, an element of its manifest.json. Paths are as they stand there, unchecked. */
export interface ArchiveImage {
  config: string;
  /** References as the writer spelled them, familiar or full; not all of them need be names. */
  repoTags: string[];
  /** What stands among the names, or in their place, and is no text. */
  oddTags?: string[];
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
  const tags = RepoTags == null ? [] : Array.isArray(RepoTags) ? RepoTags : [RepoTags];
  const repoTags = Array.isArray(RepoTags) ? tags.filter((tag) => typeof tag === 'string') : [];
  const oddTags = tags.filter((tag) => !repoTags.includes(tag)).map((tag) => shorten(JSON.stringify(tag)));
  return {
    config: Config,
    repoTags,
    ...(oddTags.length > 0 && { oddTags }),
    layers: Layers ?? [],
    ...(Parent ? { parent: Parent } : {}),
    layerSources: readLayerSources(LayerSources),
  };
}

/** Only a help for those who want to push the layers as they came: what is none is not taken. */
function readLayerSources(value: unknown): Map<string, Descriptor> {
  const entries = isJSONObject(value) ? Object.entries(value) : [];
  return new Map(
    entries.flatMap(([diffID, source]) =>
      isDigest(diffID) && refusalOf('descriptor-structure', source) === undefined
        ? [[diffID, readDescriptor(source as DescriptorDocument)] as const] // the schema has accepted it
        : [],
    ),
  );
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
