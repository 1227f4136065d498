import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { ContentError } from '../errors.js';
import { readDescriptor } from './descriptor.js';
import type { ArchiveImageDocument, DescriptorDocument } from './documents.js';
import { isJSONObject, parseJSON, shorten } from './json/json.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from './limits.js';
import { codeOf, refusalOf, validate } from './schema.js';
import { ARCHIVE_MANIFEST, REPOSITORIES } from './shapes.js';

/** The names of an image in a Docker archive. */
interface ArchiveTags {
  /** References exactly as written, short or full; some may not be valid names. */
  repoTags: string[];
  /** Problems of the list, or of elements that are not strings, each as a sentence. */
  tagProblems?: string[];
}

/** An image of a Docker archive: an element of its manifest.json. Paths are not checked. */
export interface ArchiveImage extends ArchiveTags {
  config: string;
  /** Paths, base first. */
  layers: string[];
  /** Digest of the config of the image that this one was built on. */
  parent?: Digest;
  /** The descriptors that layers originally had, by diffID. */
  layerSources: Map<string, Descriptor>;
}

/** A tag from the file `repositories` of a Docker archive. */
export interface ArchiveTag {
  repository: string;
  tag: string;
  /** The name of the top layer's folder. */
  v1ID: string;
}

/** An element of manifest.json that is not a valid image. Its names may be known. */
export interface InvalidArchiveImage extends ArchiveTags {
  error: ContentError;
}

/** Parses manifest.json and returns its images; throws `INVALID_ARCHIVE`, also for null. */
export function parseArchiveManifest(bytes: Uint8Array, where: string): ArchiveImage[] {
  const document = parseArchiveJSON(bytes, where);
  validate(KIND, document, where);
  return document.map(readArchiveImage);
}

/**
 * Like `parseArchiveManifest`, but returns invalid elements with their errors. Throws `INVALID_ARCHIVE` if it is not a
 * list.
 */
export function readArchiveManifest(
  bytes: Uint8Array,
  where: string,
): (ArchiveImage | InvalidArchiveImage)[] {
  const document = parseArchiveJSON(bytes, where);
  if (!Array.isArray(document)) return parseArchiveManifest(bytes, where); // throws
  return document.map((element: unknown, place) => {
    const refusal = refusalOf(KIND, [element]);
    if (refusal === undefined) return readArchiveImage(element as ArchiveImageDocument); // the schema has accepted it
    const problem = refusal.problem.replace(/^at \/0(?:(?=\/)|(?=,))/, `at /${place}`);
    const error = new ContentError(codeOf(KIND), `${where} is not a valid ${KIND}: ${problem}`);
    return { ...readTags(isJSONObject(element) ? element.RepoTags : undefined), error };
  });
}

const KIND = 'docker-archive-manifest';

function parseArchiveJSON(bytes: Uint8Array, where: string): unknown {
  return parseJSON(bytes, {
    shape: ARCHIVE_MANIFEST,
    what: where,
    maxBytes: MAX_ARCHIVE_DOCUMENT_BYTES,
    code: codeOf(KIND),
  });
}

function readTags(value: unknown): ArchiveTags {
  if (value == null) return { repoTags: [] };
  const shown = (tag: unknown): string => shorten(JSON.stringify(tag));
  if (!Array.isArray(value))
    return {
      repoTags: [],
      tagProblems: [
        `RepoTags is ${typeof value === 'string' ? 'the string ' : ''}${shown(value)} instead of a list of names, and is left out; Docker, podman and skopeo refuse such an archive`,
      ],
    };
  const others = value.filter((tag: unknown) => typeof tag !== 'string').map(shown);
  return {
    repoTags: value.filter((tag: unknown) => typeof tag === 'string'),
    ...(others.length > 0 && {
      tagProblems: others.map((tag) => `${tag} is not the name of an image, and is left out`),
    }),
  };
}

function readArchiveImage({
  Config,
  RepoTags,
  Layers,
  Parent,
  LayerSources,
}: ArchiveImageDocument): ArchiveImage {
  return {
    config: Config,
    ...readTags(RepoTags),
    layers: Layers ?? [],
    ...(Parent ? { parent: Parent } : {}),
    layerSources: readLayerSources(LayerSources),
  };
}

/** Skips invalid descriptors: they only help to push the layers in their original form. */
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

/** Parses the file `repositories` and returns its tags, in the order of the file; throws `INVALID_ARCHIVE`. */
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
