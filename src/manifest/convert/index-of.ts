import { ANNOTATION, attestedDigest } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, digestOf, isDigest } from '../../content/digest.js';
import { isManifest, MEDIA_TYPE } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { ContentError } from '../../errors.js';
import { editJSON, inList, inObject, type JSONEdit, REMOVE, set } from '../json/edit.js';
import { parseManifest } from '../manifest.js';
import type { ImageIndex } from '../oci.js';
import { lostOCIMembers, withoutOCIMembers } from '../oci-members.js';
import {
  type ConversionGuards,
  type ConversionTarget,
  type Document,
  documentOf,
  guardedLosses,
  type KnownManifest,
} from './conversion.js';
import { platformStruct } from './platform-of.js';

export interface ConvertIndexOptions extends ConversionGuards, KnownManifest {
  /** The index's digest, for errors and `lost`; computed if not given. */
  where?: string;
  /** The converted children, by their digests in the index; others stay as they are. */
  children?: ReadonlyMap<Digest, Descriptor>;
  /** The platforms (see `platformOf`) of children that have none in the index, by their digests in the index. */
  platforms?: ReadonlyMap<Digest, Platform>;
}

export interface ConvertedIndex {
  index: Document;
  /** What could not be kept, each as one printable line. */
  lost: string[];
  /** True if converting it and its children back gives the original bytes. */
  reversible: boolean;
}

const TYPES = { oci: MEDIA_TYPE.ociIndex, docker: MEDIA_TYPE.dockerManifestList } as const;

/**
 * Converts a manifest list to an OCI index or back, and replaces its children; everything else keeps its bytes.
 * Attestations and artifacts stay; in an OCI index, the entry of an attestation gets the new digest of its image.
 * Throws `UNSUPPORTED` for a guarded loss without `force`.
 */
export function convertIndex(
  bytes: Uint8Array,
  target: ConversionTarget,
  options: ConvertIndexOptions = {},
): ConvertedIndex {
  const { where = digestOf(bytes), children = new Map(), platforms = new Map() } = options;
  const index = parseIndex(bytes, where, options);
  const crosses = familyOf(index) !== target;
  const edits = indexEdits(index, target, { children, platforms });
  const document = documentOf(TYPES[target], editJSON(bytes, edits));
  const isSame = document.bytes.equals(bytes);
  return {
    index: document,
    lost: [
      ...(isSame ? [] : guardedLosses(crosses ? index.subject : undefined, options, where)),
      ...staleAttestations(index, children),
      ...(crosses ? lostOCIMembers(bytes, target, where) : []),
    ],
    reversible: isSame || convertsBackTo(bytes, document.bytes, { index, children }),
  };
}

/** The platform of a child that cannot run, in an index. (buildkit, attestation-storage.md) */
const NO_PLATFORM: Platform = { architecture: 'unknown', os: 'unknown' };

function parseIndex(bytes: Uint8Array, where: string, { parsed }: KnownManifest = {}): ImageIndex {
  const manifest = parsed ?? parseManifest(bytes, { digest: where });
  if (manifest.format === 'oci-index' || manifest.format === 'docker-manifest-list') return manifest;
  throw new ContentError('UNSUPPORTED', `${where} is not an index: it is ${manifest.mediaType}`);
}

function familyOf({ format }: ImageIndex): ConversionTarget {
  return format === 'oci-index' ? 'oci' : 'docker';
}

/** Changes of children, by their digests in the index. */
interface Changes {
  children: ReadonlyMap<Digest, Descriptor>;
  platforms: ReadonlyMap<Digest, Platform>;
}

function indexEdits(index: ImageIndex, target: ConversionTarget, changes: Changes): JSONEdit {
  const crosses = familyOf(index) !== target;
  const children = index.manifests.map((child) =>
    // Other content than manifests is the same in all formats.
    isManifest(child.mediaType)
      ? inObject({
          ...childEdits(child, target, { ...changes, crosses }),
          ...(crosses ? withoutOCIMembers(target).child : {}),
        })
      : inObject({}),
  );
  return inObject({
    ...(crosses ? withoutOCIMembers(target).manifest : {}),
    ...(crosses ? { mediaType: set(TYPES[target], 'schemaVersion') } : {}),
    // Docker 25.0.0 wrote null for an empty list.
    manifests: crosses && children.length === 0 ? set([]) : inList(children),
  });
}

function childEdits(
  child: Descriptor,
  target: ConversionTarget,
  { children, platforms, crosses }: Changes & { crosses: boolean },
): Record<string, JSONEdit> {
  const replacement = children.get(child.digest);
  // Docker's list requires a platform. In an OCI index, none is better than a guess.
  const platform = platforms.get(child.digest) ?? (target === 'docker' ? NO_PLATFORM : undefined);
  // If an OCI index stays OCI and the child is unchanged, no platform is added, so that the index keeps its digest.
  const isToSay =
    child.platform === undefined && (crosses || target === 'docker' || replacement !== undefined);
  return {
    ...(replacement === undefined ? {} : replacedBy(replacement)),
    ...(isToSay && platform !== undefined ? { platform: set(platformStruct(platform)) } : {}),
    ...reattestation(child, children),
  };
}

function replacedBy({ mediaType, digest, size }: Descriptor): Record<string, JSONEdit> {
  return { mediaType: set(mediaType), digest: set(digest), size: set(size), data: REMOVE };
}

function reattestation(child: Descriptor, children: Changes['children']): Record<string, JSONEdit> {
  const now = successorOf(child, children);
  if (now === undefined) return {};
  return { annotations: inObject({ [ANNOTATION.dockerReferenceDigest]: set(now.digest) }) };
}

/** Returns the new descriptor of the image that an attestation describes. */
function successorOf(child: Descriptor, children: Changes['children']): Descriptor | undefined {
  const attested = attestedDigest(child);
  return isDigest(attested) ? children.get(attested) : undefined;
}

function staleAttestations({ manifests }: ImageIndex, children: Changes['children']): string[] {
  return manifests
    .filter((child) => successorOf(child, children) !== undefined)
    .map(
      (child) =>
        `the attestation ${child.digest} is about ${attestedDigest(child)}, from before the conversion`,
    );
}

/** Converts back and compares. The result differs, for example, if a mediaType or a platform was added. */
function convertsBackTo(
  original: Uint8Array,
  converted: Uint8Array,
  { index, children }: { index: ImageIndex; children: Changes['children'] },
): boolean {
  const originals = new Map<Digest, Descriptor>();
  for (const child of index.manifests) {
    const now = children.get(child.digest);
    if (now !== undefined) originals.set(now.digest, child);
  }
  const parsed = parseIndex(converted, digestOf(converted));
  const edits = indexEdits(parsed, familyOf(index), { children: originals, platforms: new Map() });
  return editJSON(converted, edits).equals(original);
}
