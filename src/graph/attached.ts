import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isIndex, isManifest } from '../content/media-types.js';
import { readName } from '../content/names.js';
import type { Pool } from '../pool.js';
import type { Referrer, Source } from '../store/store.js';
import type { GraphOptions } from './build.js';
import type { GraphReader } from './read.js';
import { type ManifestTree, manifestsOf } from './tree.js';

/** A manifest that is attached to an image, with everything it needs. */
export interface AttachedTree {
  tree: ManifestTree;
  /** The manifest that it is attached to. */
  subject: Digest;
  /** The tag that attaches it, if it is attached by cosign's naming convention. */
  tag: string | undefined;
  /** Its full name at its source, if the source has one that includes a repository. */
  name?: string | undefined;
}

/** How many levels of attachments are followed: an SBOM of an image, its signature, and one more. */
const MAX_DEPTH = 3;

/**
 * Returns what is attached to the manifests of an image, and to those attachments, each once and sorted by digest.
 * Attachments of an index that was rewritten are left out with a warning, because they describe bytes that are not
 * copied.
 */
export async function readAttached(
  image: ManifestTree,
  original: Descriptor,
  { source, label }: { source: Source; label: string },
  reader: GraphReader,
  pool: Pool,
  options: GraphOptions,
): Promise<AttachedTree[]> {
  const found = new Map<Digest, AttachedTree>();
  let subjects = manifestsOf(image);
  if (original.digest !== image.content.descriptor.digest) {
    // A rewritten index has no attachments yet. An image that replaces its index keeps its own attachments.
    const { digest: made, mediaType } = image.content.descriptor;
    if (isIndex(mediaType)) subjects = subjects.filter(({ digest }) => digest !== made);
    const lost = await referrersOf(source, original, pool);
    if (lost.length > 0)
      options.onEvent?.({ type: 'warning', message: lossMessage(lost.length, original.digest) });
  }
  for (let depth = 0; depth < MAX_DEPTH && subjects.length > 0; depth++) {
    const referrers = (
      await Promise.all(
        subjects.map(async (subject) =>
          attachedIn(await referrersOf(source, subject, pool), label).map((referrer) => ({
            ...referrer,
            subject: subject.digest,
          })),
        ),
      )
    ).flat();
    const fresh = referrers.filter(
      ({ descriptor }) => isManifest(descriptor.mediaType) && !found.has(descriptor.digest),
    );
    const trees = await Promise.all(
      fresh.map(async ({ descriptor, tag, name, subject }) => ({
        tree: await reader.readWhole(source, descriptor, label),
        subject,
        tag,
        name,
      })),
    );
    for (const attached of trees) found.set(attached.tree.content.descriptor.digest, attached);
    subjects = trees.flatMap(({ tree }) => manifestsOf(tree));
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, attached]) => attached);
}

/**
 * Selects the attachments that belong to the image called `name`. An archive may hold the same manifest in several
 * repositories, each with its own signature under the same tag. If an image has none in its own repository, it gets
 * those of the others.
 */
export function attachedIn(referrers: readonly Referrer[], name: string): Referrer[] {
  const repository = repositoryOf(name);
  const own = new Set(referrers.filter((one) => repositoryOf(one.name) === repository).map(({ tag }) => tag));
  return referrers.filter(
    (one) => one.tag === undefined || !own.has(one.tag) || repositoryOf(one.name) === repository,
  );
}

function repositoryOf(name: string | undefined): string | undefined {
  const read = name === undefined ? undefined : readName(name);
  return read?.kind === 'image' ? `${read.reference.registry}/${read.reference.repository}` : undefined;
}

async function referrersOf(source: Source, subject: Descriptor, pool: Pool): Promise<Referrer[]> {
  return pool.runSmall(async (signal) => {
    const referrers: Referrer[] = [];
    for await (const referrer of source.referrers(subject, { signal })) referrers.push(referrer);
    return referrers;
  });
}

function lossMessage(count: number, digest: Digest): string {
  return count === 1
    ? `a signature or another attachment of ${digest} is left out, because it refers to the whole index`
    : `${count} signatures or other attachments of ${digest} are left out, because they refer to the whole index`;
}
