import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isIndex, isManifest } from '../content/media-types.js';
import { readName } from '../content/names.js';
import type { Pool } from '../pool.js';
import type { Referrer, Source } from '../store/store.js';
import type { GraphOptions } from './build.js';
import type { GraphReader } from './read.js';
import { type ManifestTree, manifestsOf } from './tree.js';

/** What is attached to an image, with all that it needs. */
export interface AttachedTree {
  tree: ManifestTree;
  /** The manifest that it is attached to. */
  subject: Digest;
  /** The tag it hangs on, where it is attached by cosign's convention. */
  tag: string | undefined;
  /** What it is called at its source, if that says a repository too. */
  name?: string | undefined;
}

/** A signature of an SBOM of an image: what is attached to attachments is followed so far. */
const MAX_DEPTH = 3;

/**
 * What is attached to the manifests of an image, and to that, each once and in the order of digests. What is
 * attached to an index that was rewritten speaks of bytes that are not there: it is left, with a warning.
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
    // An index that was made has nothing yet; an image that stands for its index has what is its own.
    const { digest: made, mediaType } = image.content.descriptor;
    if (isIndex(mediaType)) subjects = subjects.filter(({ digest }) => digest !== made);
    const lost = await referrersOf(source, original, pool);
    const message = `${lost.length} signatures or other attachments of ${original.digest} are left out: they speak of the whole index`;
    if (lost.length > 0) options.onEvent?.({ type: 'warning', message });
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
 * Of what is attached to a manifest, what belongs to the image called `name`: an archive may have the same manifest in
 * several repositories, each with a signature of its own by the same tag. Without one in its repository an image has
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
