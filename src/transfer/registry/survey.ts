import type { Digest } from '../../content/digest.js';
import { compressionOfType } from '../../manifest/layer-types.js';
import type { Pool } from '../../pool.js';
import type { Store } from '../../store/store.js';
import { has } from '../../store/store.js';
import type { Standing, Survey } from '../destination.js';
import type { ImageTrees, Plan } from '../plan.js';
import type { ImageToPush } from './registry-names.js';
import { resolveOrUndefined } from './tags.js';

/** Content that the images need, and in how many of their repositories it is and is not. */
interface Wanted {
  size: number;
  isBlob: boolean;
  present: number;
  missing: number;
}

/**
 * Asks the registry with HEAD for everything that the images need and for their tags. A blob that only some of the
 * repositories have is counted as mounted in the others, and one that none has as sent once, as a push does it.
 */
export async function surveyRepositories(
  pushes: readonly { plan: Plan; store: Store; group: readonly ImageToPush[] }[],
  pool: Pool,
): Promise<Survey<ImageToPush>> {
  const wanted = new Map<Digest, Wanted>();
  const ask = async (store: Store, { plan }: { plan: Plan }): Promise<void> => {
    const contents = [
      ...plan.blobs.map((blob) => [blob, true] as const),
      ...plan.manifests.map((one) => [one, false] as const),
    ];
    await Promise.all(
      contents.map(async ([{ descriptor }, isBlob]) => {
        const isThere = await pool.runSmall((signal) => has(store, descriptor, { signal }));
        const { digest, size } = descriptor;
        const one = wanted.get(digest) ?? { size, isBlob, present: 0, missing: 0 };
        wanted.set(digest, one);
        if (isThere) one.present++;
        else one.missing++;
      }),
    );
  };
  const standings = await Promise.all(
    pushes.map(async (push) => {
      await ask(push.store, push);
      return Promise.all(
        push.group.map(async (image) => [image, await standingOf(push.store, image, pool)] as const),
      );
    }),
  );
  return { ...sum([...wanted.values()]), standings: new Map(standings.flat()) };
}

async function standingOf(store: Store, { image, destination }: ImageToPush, pool: Pool): Promise<Standing> {
  const { digest } = image.tree.content.descriptor;
  const held = await resolveOrUndefined(store, destination.tag ?? digest, pool);
  if (held === undefined) return 'new';
  if (held.digest === digest) return 'same';
  return isRemade(image) ? 'unknown' : 'moves';
}

/** True for an image whose layers are compressed when it is pushed: only then is its digest known. */
function isRemade({ original, tree }: ImageTrees): boolean {
  return (
    original.origin === 'made' &&
    tree.blobs.some(({ descriptor }) => compressionOfType(descriptor.mediaType) === 'none')
  );
}

function sum(wanted: readonly Wanted[]): Pick<Survey, 'blobs' | 'bytes'> {
  const blobs = { total: 0, sent: 0, mounted: 0, present: 0 };
  const bytes = { total: 0, sent: 0 };
  for (const { size, isBlob, present, missing } of wanted) {
    bytes.total += size;
    // A manifest is sent to each repository, because manifests cannot be mounted.
    const sent = isBlob ? Math.min(missing, present === 0 ? 1 : 0) : missing;
    bytes.sent += sent * size;
    if (!isBlob) continue;
    blobs.total += present + missing;
    blobs.sent += sent;
    blobs.mounted += missing - sent;
    blobs.present += present;
  }
  return { blobs, bytes };
}
