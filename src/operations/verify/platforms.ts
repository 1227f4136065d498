import { attestedDigest } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isImageConfig } from '../../content/media-types.js';
import { formatPlatform, type Platform } from '../../content/platform.js';
import { attestationsOf, childrenFor, isWanted, wantedAt } from '../../graph/choose-platforms.js';
import type { Step } from '../../graph/walk.js';
import { keptAs } from '../../manifest/artifact.js';
import type { ImageConfig } from '../../manifest/config.js';
import type { ImageIndex, Manifest } from '../../manifest/manifest.js';
import type { VerifiedPlatforms } from './result.js';

/** A manifest that was read, and how more is known of it. */
interface ReadManifest {
  manifest: Manifest;
  children: readonly Descriptor[];
  readConfig: (config: Descriptor) => Promise<ImageConfig | undefined>;
  /** True for a child that is left out on purpose. */
  isLeftOut: (digest: Digest) => Promise<boolean>;
}

/** What is verified below a manifest, as a walk takes it. */
interface Below {
  manifests: Descriptor[];
  afterwards?: () => Descriptor[];
}

/** Decides which manifests are for the platforms that are verified, and records what is left to others. */
export class PlatformCheck {
  readonly wanted: readonly Platform[];
  /** The platforms that are left to others, since somebody took them. */
  #others: Platform[] = [];
  /** By claim, the platforms of manifests that are verified; of an index those of its images. */
  readonly #kept = new Map<string, readonly Platform[]>();
  readonly #checked = new Set<Digest>();
  readonly #passed = new Map<Digest, readonly Platform[]>();

  constructor(wanted: readonly Platform[]) {
    this.wanted = wanted;
  }

  /** Returns undefined where all platforms are verified. */
  at(step: Step): this | undefined {
    return wantedAt(step, this.wanted) === undefined ? undefined : this;
  }

  /** Returns what is verified below a manifest; undefined if it is for other platforms. */
  async below(
    descriptor: Descriptor,
    { manifest, children, readConfig, isLeftOut }: ReadManifest,
  ): Promise<Below | undefined> {
    if ('manifests' in manifest) {
      const manifests = childrenFor(children, this.wanted);
      const read = new Set(manifests);
      for (const child of children) {
        const { digest, platform } = child;
        if (read.has(child) || platform === undefined || platform.os === 'unknown') continue;
        if (attestedDigest(child) === undefined && !(await isLeftOut(digest))) this.#pass(child, [platform]);
      }
      // A child that was visited for another image is not among the results of the walk.
      const kept = () => manifests.filter((child) => this.keptOf(child) !== undefined);
      const afterwards = () => attestationsOf(children, kept());
      return { manifests, afterwards };
    }
    const platforms = await platformsOf(descriptor, manifest, readConfig);
    if (isWanted(platforms, this.wanted)) {
      this.#keep(descriptor, platforms);
      return { manifests: [] };
    }
    this.#pass(descriptor, platforms);
    return undefined;
  }

  /** Records an index, if anything in it is verified, and returns whether it is. */
  keepIndex(descriptor: Descriptor, children: readonly Descriptor[]): boolean {
    const kept = children.map((child) => this.keptOf(child)).filter((platforms) => platforms !== undefined);
    if (kept.length > 0) this.#kept.set(claimOf(descriptor), kept.flat());
    return kept.length > 0;
  }

  /** Records content that is verified although it was not read; its platform is known only if the index states it. */
  keepUnread(descriptor: Descriptor): void {
    this.#keep(descriptor, descriptor.platform === undefined ? [] : [descriptor.platform]);
  }

  /** Returns the platforms of a manifest that is verified, none if they are unknown; undefined if it is for others. */
  keptOf(descriptor: Descriptor): readonly Platform[] | undefined {
    return this.#kept.get(claimOf(descriptor));
  }

  /** True for an image that is left to others everywhere. */
  isPassed(digest: Digest): boolean {
    return this.#passed.has(digest) && !this.#checked.has(digest);
  }

  /** Returns the platforms that were left to others since the last call. */
  takeOthers(): Platform[] {
    const others = this.#others;
    this.#others = [];
    return others;
  }

  /** Counts images for single platforms. */
  get counts(): VerifiedPlatforms {
    const passed = [...this.#passed].filter(([digest]) => this.isPassed(digest));
    const checked = this.#checked.size;
    const unchecked = passed.flatMap(([, platforms]) => platforms.map(formatPlatform));
    return { checked, all: checked + passed.length, unchecked: [...new Set(unchecked)] };
  }

  #keep(descriptor: Descriptor, platforms: readonly Platform[]): void {
    this.#kept.set(claimOf(descriptor), platforms);
    if (platforms.length > 0) this.#checked.add(descriptor.digest);
  }

  #pass({ digest }: Descriptor, platforms: readonly Platform[]): void {
    this.#passed.set(digest, platforms);
    this.#others.push(...platforms);
  }
}

/**
 * Returns the platform of an image, whose config is read if nothing else states it; nothing for an artifact, or if the
 * config cannot be read.
 */
async function platformsOf(
  { platform }: Descriptor,
  manifest: Exclude<Manifest, ImageIndex>,
  readConfig: ReadManifest['readConfig'],
): Promise<Platform[]> {
  if (platform !== undefined) return platform.os === 'unknown' ? [] : [platform];
  if (manifest.format === 'docker-schema1')
    return [{ os: 'linux', architecture: manifest.architecture || 'amd64' }];
  if (!('config' in manifest) || !isImageConfig(manifest.config.mediaType)) return [];
  if (keptAs(manifest) !== undefined) return [];
  const config = await readConfig(manifest.config);
  if (config === undefined || config.os === '' || config.architecture === '') return [];
  const { os, architecture, variant, 'os.version': version } = config;
  return [{ os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) }];
}

/** The same content with another size or type is another claim. */
function claimOf({ digest, size, mediaType }: Descriptor): string {
  return `${digest} ${size} ${mediaType}`;
}
