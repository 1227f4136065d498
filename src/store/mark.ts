import { absentOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import { ownText } from '../content/own-text.js';
import { ContentError, isLadingError } from '../errors.js';
import { type Step, walkGraph } from '../graph/walk.js';
import { detectMediaType, MAX_MANIFEST_BYTES, parseManifest, successors } from '../manifest/manifest.js';
import { entryName } from './layout/layout-index.js';
import { readContent } from './read-content.js';
import type { Source } from './store.js';

/** Roots are followed so many at a time where each read is a request. */
const REQUESTED_AT_ONCE = 16;

/** What a manifest needs, kept for the next mark: content under a digest never changes. */
interface Needs {
  manifests: readonly Descriptor[];
  blobs: readonly Digest[];
  subject: Descriptor | undefined;
}

export type KnownNeeds = Map<Digest, Needs>;

/** A manifest that cannot be read, so that it is unknown what it needs. */
export interface Gap {
  digest: Digest;
  /** A name that leads to it. */
  name: string;
  error: unknown;
}

export interface Root {
  descriptor: Descriptor;
  /** The name in errors. */
  name: string;
  /** Children of its indexes that were left out on purpose. */
  absent?: readonly Digest[] | undefined;
  /** Nothing is wrong if it is missing: it is not named, or somebody is about to write it. */
  mayBeMissing?: boolean | undefined;
}

/** Returns the root that an entry of `index.json` is, or a name in a bucket. */
export function rootOf(entry: Descriptor): Root {
  return { descriptor: entry, name: entryName(entry) ?? entry.digest, absent: absentOf(entry) };
}

/** A manifest that belongs to another one, whether that is there or not. */
export interface Attachment {
  subject: Digest;
  descriptor: Descriptor;
}

/**
 * Marks everything that roots lead to: manifests, their children, configs and layers, the manifests that they are attached
 * to, and what is attached to any of them.
 */
export class Marker {
  readonly needed = new Set<Digest>();
  readonly gaps: Gap[] = [];
  readonly #store: Pick<Source, 'fetch' | 'isLocal'>;
  readonly #known: KnownNeeds;
  readonly #entered = new Set<Digest>();

  constructor(store: Pick<Source, 'fetch' | 'isLocal'>, known: KnownNeeds = new Map()) {
    this.#store = store;
    this.#known = known;
  }

  async mark(root: Root, signal?: AbortSignal): Promise<void> {
    const roots = [root];
    for (let next = roots.pop(); next !== undefined; next = roots.pop())
      roots.push(...(await this.#markOne(next, signal)));
  }

  /** Marks several, some at a time; `before` is awaited before each of these groups. */
  async markAll(
    roots: readonly Root[],
    { signal, before }: { signal?: AbortSignal | undefined; before?: () => Promise<void> } = {},
  ): Promise<void> {
    const atOnce = this.#store.isLocal ? 1 : REQUESTED_AT_ONCE;
    for (let start = 0; start < roots.length; start += atOnce) {
      await before?.();
      await Promise.all(roots.slice(start, start + atOnce).map((root) => this.mark(root, signal)));
    }
  }

  /** Marks the attachments of what is marked by now, and theirs. */
  async markAttached(attachments: readonly Attachment[], signal?: AbortSignal): Promise<void> {
    let left = attachments;
    for (let before = -1; before !== left.length; ) {
      before = left.length;
      const belonging = left.filter(({ subject }) => this.needed.has(subject));
      left = left.filter(({ subject }) => !this.needed.has(subject));
      for (const { subject, descriptor } of belonging)
        await this.mark({ descriptor, name: `the attachment of ${subject}`, mayBeMissing: true }, signal);
    }
  }

  /** Returns the manifests that the marked ones are attached to. */
  async #markOne(root: Root, signal: AbortSignal | undefined): Promise<Root[]> {
    const subjects: Root[] = [];
    const enter = async ({ descriptor }: Step): Promise<{ manifests: readonly Descriptor[] } | undefined> => {
      signal?.throwIfAborted();
      const { digest } = descriptor;
      this.needed.add(ownText(digest));
      if (this.#entered.has(digest)) return undefined;
      const needs = await this.#needsOf(descriptor, root, signal);
      if (needs === undefined) return undefined;
      this.#entered.add(digest);
      for (const blob of needs.blobs) this.needed.add(blob);
      if (needs.subject !== undefined)
        subjects.push({ descriptor: needs.subject, name: root.name, mayBeMissing: true });
      return { manifests: needs.manifests };
    };
    await walkGraph(await this.#typed(root, signal), { enter }, { inTurn: true });
    return subjects;
  }

  /** An entry may call a manifest something else, and it would be taken for a blob that needs nothing. */
  async #typed(root: Root, signal: AbortSignal | undefined): Promise<Descriptor> {
    const { descriptor } = root;
    if (isManifest(descriptor.mediaType) || descriptor.size > MAX_MANIFEST_BYTES) return descriptor;
    try {
      return {
        ...descriptor,
        mediaType: detectMediaType(await readContent(this.#store, descriptor, { signal })),
      };
    } catch (error) {
      if (error instanceof ContentError || isLadingError(error, 'NOT_FOUND')) return descriptor;
      throw error;
    }
  }

  async #needsOf(
    descriptor: Descriptor,
    { name, absent = [], mayBeMissing = false }: Root,
    signal: AbortSignal | undefined,
  ): Promise<Needs | undefined> {
    const { digest, mediaType } = descriptor;
    if (!isManifest(mediaType)) return undefined;
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    try {
      const bytes = await readContent(this.#store, descriptor, { signal });
      const { manifests, blobs, unsized, subject } = successors(parseManifest(bytes, descriptor));
      const needs = {
        manifests: manifests.map(plain),
        blobs: [...blobs.map((blob) => blob.digest), ...unsized].map(ownText),
        subject: subject && plain(subject),
      };
      this.#known.set(ownText(digest), needs);
      return needs;
    } catch (error) {
      const isMissing = isLadingError(error, 'NOT_FOUND');
      if (!isMissing && !(error instanceof ContentError)) throw error;
      if (!isMissing || !(mayBeMissing || absent.includes(digest))) this.gaps.push({ digest, name, error });
      return undefined;
    }
  }
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: ownText(mediaType), digest: ownText(digest), size };
}

/** Rejects unless it is known what everything needs: otherwise something needed might be taken for garbage. */
export function refuseGaps(gaps: readonly Gap[], location: string): void {
  const [first, ...others] = gaps;
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  throw new ContentError(
    'MISSING_CONTENT',
    `${location}: ${first.digest}, which ${first.name} needs, cannot be read${more}: nothing is removed`,
    {
      cause: first.error,
      hint: 'It is unknown what it needs. Save the image again, or remove its name.',
      remedy: 'verify',
    },
  );
}
