import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, digestOf } from '../../content/digest.js';
import { isIndex, isManifest, isNonDistributable, MEDIA_TYPE } from '../../content/media-types.js';
import { type ErrorCode, isLadingError, redactURL } from '../../errors.js';
import { type Beneath, type GraphVisitor, walkGraph } from '../../graph/walk.js';
import { keptAs } from '../../manifest/artifact.js';
import { type ImageConfig, parseConfig } from '../../manifest/config.js';
import { requireDepth } from '../../manifest/graph-budget.js';
import { namesRepeatedUnread } from '../../manifest/json/json.js';
import type { Shape } from '../../manifest/json/shape.js';
import { isEncrypted } from '../../manifest/layer-types.js';
import {
  type ImageManifest,
  type Manifest,
  parseManifest,
  type Successors,
  successors,
} from '../../manifest/manifest.js';
import { checkSchema1Signatures } from '../../manifest/schema1/signature.js';
import { CONFIG, MANIFEST } from '../../manifest/shapes.js';
import { irregularities, type ManifestWarning, warningsOf } from '../../manifest/warnings.js';
import { MAX_DOCKER_LAYERS } from '../../store/archive/docker-refusal.js';
import type { ImageFiles } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import { readContent } from '../../store/read-content.js';
import { has } from '../../store/store.js';
import type { PlatformCheck } from './platforms.js';
import type { Finding, Note, VerifiedDocument } from './result.js';
import { reportedSignature } from './signatures.js';

export interface Place {
  /** The image that needs the content. */
  image: string;
  /** Children that the image leaves out on purpose. */
  absent: readonly Digest[];
  /** Chooses the platforms that are checked; default all. */
  platforms?: PlatformCheck | undefined;
}

const CONFIG_KINDS = new Map<string, 'oci-config' | 'docker-config'>([
  [MEDIA_TYPE.ociConfig, 'oci-config'],
  [MEDIA_TYPE.dockerConfig, 'docker-config'],
]);

/** A manifest that was read. */
interface Entered extends Successors, Pick<Beneath<never>, 'afterwards'> {
  manifest: Manifest;
}

/** Checks everything that images consist of, except the bytes of layers; each claim about content is checked once. */
export class GraphCheck {
  readonly findings: Finding[] = [];
  readonly notes: Note[] = [];
  readonly documents: VerifiedDocument[] = [];
  /** Number of manifests and configs that were read. */
  manifests = 0;
  configs = 0;
  /** Documents whose digest was verified, with their sizes in bytes. */
  readonly verified = new Map<Digest, number>();
  /** Everything that an image names. */
  readonly needed = new Set<Digest>();
  /** By layer, the diffIDs that configs state for it, each with one such config. */
  readonly diffIDs = new Map<Digest, Map<Digest, Digest>>();
  /** By layer, the media types that manifests state for it. */
  readonly layerTypes = new Map<Digest, Set<string>>();
  /** True if a manifest could not be read, so that it is unknown what it needs. */
  hasGaps = false;
  readonly #seen = new Set<string>();
  readonly #leftOut = new Set<Digest>();
  readonly #configs = new Map<Digest, Promise<ImageConfig | undefined>>();
  readonly #store: ImageFiles;

  constructor(store: ImageFiles) {
    this.#store = store;
  }

  /** Checks that the type in an index entry does not hide that the content is an image. */
  async requireTrueType(entry: Descriptor): Promise<void> {
    try {
      await this.#store.requireTrueType(entry);
    } catch (error) {
      this.#failed(error, entry, entryName(entry) ?? entry.digest);
    }
  }

  /** Checks that a name that ends in a digest does not stand for other content. */
  requireTrueName(entry: Descriptor): void {
    const name = entryName(entry);
    const [, digest] = /@([^@]+)$/.exec(name ?? '') ?? [];
    if (name === undefined || digest === undefined || digest === entry.digest) return;
    this.#found(
      'DIGEST_MISMATCH',
      entry.digest,
      `${name} stands for ${entry.digest}, which is different content`,
    );
  }

  /** Checks an entry and everything under it, in the order of the index. */
  async visit(entry: Descriptor, place: Place): Promise<void> {
    await walkGraph<Entered, never>(entry, this.#visitor(place), { inTurn: true });
  }

  #visitor(place: Place): GraphVisitor<Entered, never> {
    const readConfig = (config: Descriptor) => this.#configOf(config, place.image);
    const isLeftOut = (digest: Digest) => this.#isLeftOut(digest, place);
    return {
      enter: async (step) => {
        const { descriptor, depth } = step;
        const chosen = place.platforms?.at(step);
        if (!isManifest(descriptor.mediaType)) chosen?.keepUnread(descriptor);
        if (!(await this.#look(descriptor, place, chosen)) || !isManifest(descriptor.mediaType))
          return undefined;
        const manifest = await this.#read(descriptor, place, depth);
        if (manifest === undefined) {
          chosen?.keepUnread(descriptor);
          return undefined;
        }
        const named = successors(manifest);
        if (named.subject !== undefined) this.#requireTrueData(named.subject, place);
        if (chosen === undefined) return { ...named, manifest };
        const read = { manifest, children: named.manifests, readConfig, isLeftOut };
        const below = await chosen.below(descriptor, read);
        // Another index may say that it is for a wanted platform.
        if (below === undefined) this.#seen.delete(seenAs(descriptor, chosen));
        return below && { ...named, ...below, manifest };
      },
      blob: async (descriptor) => {
        await this.#look(descriptor, place);
      },
      leave: async (step, { manifest, manifests, unsized }) => {
        const { descriptor } = step;
        const chosen = 'manifests' in manifest ? place.platforms?.at(step) : undefined;
        // Otherwise another image with this index would not report its platforms.
        if (chosen?.keepIndex(descriptor, manifests) === false) this.#seen.delete(seenAs(descriptor, chosen));
        for (const layer of unsized) await this.#requireBlob(layer, place);
        if ('layers' in manifest) await this.#compare(descriptor.digest, manifest, place);
        return undefined;
      },
    };
  }

  /** Checks the claims of a descriptor, once. Returns true if its content is present and was not checked before. */
  async #look(descriptor: Descriptor, place: Place, chosen?: PlatformCheck): Promise<boolean> {
    const { digest, mediaType } = descriptor;
    this.needed.add(digest);
    // The same content with another size or type is a different claim, which must be checked separately.
    const claim = seenAs(descriptor, chosen);
    if (this.#seen.has(claim)) return false;
    // There is no more to an image than what was seen.
    if (!isIndex(mediaType) && this.#seen.has(SOME_OF + claim)) return false;
    // Content that is present is run by engines, even if an annotation of lading says that it was left out.
    if (isManifest(mediaType) && (await this.#isLeftOut(digest, place))) {
      this.#noteLeftOut(digest, place);
      return false;
    }
    this.#seen.add(claim);
    this.#requireTrueData(descriptor, place);
    const isThere = await this.#isThere(descriptor, place);
    if (!isThere && isManifest(mediaType)) {
      this.hasGaps = true;
      chosen?.keepUnread(descriptor);
    }
    return isThere;
  }

  async #isLeftOut(digest: Digest, { absent }: Place): Promise<boolean> {
    return absent.includes(digest) && (await this.#store.sizeOf({ digest })) === undefined;
  }

  /** Does not mark the content as seen, because another entry may need it. */
  #noteLeftOut(digest: Digest, { image }: Place): void {
    if (!this.#leftOut.has(digest))
      this.#noted('LEFT_OUT', digest, `${digest} is left out of ${image} on purpose`);
    this.#leftOut.add(digest);
  }

  async #read(descriptor: Descriptor, { image }: Place, depth: number): Promise<Manifest | undefined> {
    const { digest, mediaType } = descriptor;
    try {
      const bytes = await readContent(this.#store, descriptor);
      this.verified.set(digest, descriptor.size);
      const manifest = parseManifest(bytes, descriptor);
      if ('manifests' in manifest) requireDepth(digest, depth);
      const isSigned = manifest.format === 'docker-schema1' && manifest.signed;
      const signatures = isSigned ? checkSchema1Signatures(bytes, digest).map(reportedSignature) : [];
      this.manifests++;
      this.documents.push({ kind: manifest.format, digest, mediaType, ...(isSigned && { signatures }) });
      for (const { problem } of signatures)
        if (problem !== undefined)
          this.#found('INVALID_SIGNATURE', digest, `${problem} (needed by ${image})`);
      this.#warn(warningsOf(manifest), digest, image);
      this.#noteRepeatedNames(bytes, digest, MANIFEST);
      return manifest;
    } catch (error) {
      this.#failed(error, descriptor, image);
      this.hasGaps = true;
      return undefined;
    }
  }

  /** Checks content that is embedded in a descriptor. (image-spec, descriptor.md) */
  #requireTrueData(descriptor: Descriptor, { image }: Place): void {
    const { digest, size, data } = descriptor;
    if (data === undefined) return;
    const bytes = Buffer.from(data, 'base64');
    if (bytes.byteLength === size && digestOf(bytes, algorithmOf(digest)) === digest) return;
    const message = `the data embedded in the descriptor of ${digest} is different content`;
    this.#found('DIGEST_MISMATCH', digest, `${message} (needed by ${image})`);
  }

  #noteRepeatedNames(bytes: Buffer, digest: Digest, shape: Shape): void {
    for (const name of namesRepeatedUnread(bytes, { what: digest, shape }))
      this.#noted(
        'REPEATED_MEMBER',
        digest,
        `${digest} has a member "${name}" twice, in a part that readers do not decode`,
      );
  }

  /** Records what the config says about the layers, for verifyBlobs(), which decompresses them. */
  async #compare(digest: Digest, manifest: ImageManifest, { image }: Place): Promise<void> {
    if (!CONFIG_KINDS.has(manifest.config.mediaType) || keptAs(manifest) !== undefined) return;
    const config = await this.#configOf(manifest.config, image);
    if (config === undefined) return;
    const { layers } = manifest;
    const diffIDs = config.rootfs.diff_ids;
    // This was already reported, with the engines that refuse it.
    if (diffIDs.length === 0 && config.irregular?.place.startsWith('/rootfs')) return;
    if (diffIDs.length !== layers.length) {
      const message = `${digest} has ${layers.length} layers, but its config ${manifest.config.digest} lists ${diffIDs.length}`;
      return this.#found('INVALID_MANIFEST', digest, `${message} (needed by ${image})`);
    }
    const steps = config.history.filter((entry) => entry.empty_layer !== true).length;
    if (config.history.length > 0 && steps !== layers.length) {
      const message = `the history in ${manifest.config.digest} has ${steps} steps that made a layer, but there are ${layers.length} layers${steps > layers.length ? '; Docker refuses it' : ''}`;
      this.#noted('HISTORY_MISMATCH', manifest.config.digest, message);
    }
    if (layers.length > MAX_DOCKER_LAYERS)
      this.#noted(
        'TOO_MANY_LAYERS',
        digest,
        `${digest} has ${layers.length} layers; Docker refuses more than ${MAX_DOCKER_LAYERS}`,
      );
    for (const [place, layer] of layers.entries()) {
      const diffID = diffIDs[place];
      // The diffID of an encrypted layer can be checked only with its key. Docker and podman read layers of other types
      // by their bytes.
      if (diffID === undefined || isEncrypted(layer.mediaType)) continue;
      this.layerTypes.set(
        layer.digest,
        (this.layerTypes.get(layer.digest) ?? new Set()).add(layer.mediaType),
      );
      const expected = this.diffIDs.get(layer.digest) ?? new Map<Digest, Digest>();
      this.diffIDs.set(layer.digest, expected.set(diffID, manifest.config.digest));
    }
  }

  /** Reads each config once; returns undefined if it is missing or invalid, which is reported elsewhere. */
  #configOf(descriptor: Descriptor, image: string): Promise<ImageConfig | undefined> {
    const config = this.#configs.get(descriptor.digest) ?? this.#readConfig(descriptor, image);
    this.#configs.set(descriptor.digest, config);
    return config;
  }

  async #readConfig(descriptor: Descriptor, image: string): Promise<ImageConfig | undefined> {
    const { digest, mediaType } = descriptor;
    if (!(await has(this.#store, descriptor))) return undefined;
    try {
      const bytes = await readContent(this.#store, descriptor);
      this.verified.set(digest, descriptor.size);
      const config = parseConfig(bytes, digest, { mediaType });
      this.configs++;
      this.#warn(irregularities(config), digest, image);
      this.documents.push({ kind: CONFIG_KINDS.get(mediaType) ?? 'docker-config', digest, mediaType });
      this.#noteRepeatedNames(bytes, digest, CONFIG);
      return config;
    } catch (error) {
      this.#failed(error, descriptor, image);
      return undefined;
    }
  }

  async #isThere({ digest, size, mediaType, urls = [] }: Descriptor, { image }: Place): Promise<boolean> {
    const actual = await this.#store.sizeOf({ digest });
    if (actual === size) return true;
    if (actual === undefined) {
      if (isNonDistributable(mediaType) && urls.length > 0) {
        const place = redactURL(urls[0] ?? '');
        this.#noted(
          'FOREIGN_LAYER',
          digest,
          `${digest} is a foreign layer of ${image}: it is not here, but at ${place}`,
        );
        return false;
      }
      this.#found('MISSING_CONTENT', digest, `${digest} (${mediaType}) is missing; ${image} needs it`);
    } else {
      this.#found('SIZE_MISMATCH', digest, `${digest} has ${actual} bytes, but ${image} states ${size}`);
    }
    return false;
  }

  async #requireBlob(digest: Digest, { image }: Place): Promise<void> {
    this.needed.add(digest);
    if ((await this.#store.sizeOf({ digest })) === undefined)
      this.#found('MISSING_CONTENT', digest, `${digest} is missing; ${image} needs it`);
  }

  #warn(warnings: readonly ManifestWarning[], digest: Digest, image: string): void {
    for (const { code, message, isFatal } of warnings)
      if (isFatal) this.#found('INVALID_MANIFEST', digest, `${digest}: ${message} (needed by ${image})`);
      else this.#noted(code, digest, `${digest}: ${message}`);
  }

  #failed(error: unknown, { digest, size }: Descriptor, image: string): void {
    if (!isLadingError(error)) throw error;
    this.#found(error.code, digest, `${error.message} (needed by ${image})`);
    this.verified.set(digest, size); // it was reported; hashing would only report it again
  }

  #found(code: ErrorCode, digest: Digest, message: string): void {
    this.findings.push({ code, digest, path: this.#store.pathOf(digest), message });
  }

  #noted(code: Note['code'], digest: Digest, message: string): void {
    this.notes.push({ code, digest, path: this.#store.pathOf(digest), message });
  }
}

const SOME_OF = 'some of ';

/** What is seen with all platforms is seen as a whole, and what is seen with some need not be. */
function seenAs({ digest, size, mediaType }: Descriptor, chosen: PlatformCheck | undefined): string {
  return `${chosen === undefined ? '' : SOME_OF}${digest} ${size} ${mediaType}`;
}
