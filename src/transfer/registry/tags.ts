import type { Descriptor } from '../../content/descriptor.js';
import { formatReference, type Reference } from '../../content/reference.js';
import { isLadingError } from '../../errors.js';
import type { Pool } from '../../pool.js';
import { isAttachmentTag } from '../../store/attached.js';
import { nameTaken } from '../../store/name-taken.js';
import type { Store } from '../../store/store.js';
import type { CopyOptions } from '../copy.js';
import type { ImageToPush } from './registry-names.js';

/** Rejects with `ALREADY_EXISTS` if a tag of the images exists and names something else. */
export async function requireFreeTags(
  store: Store,
  group: readonly ImageToPush[],
  pool: Pool,
): Promise<void> {
  await Promise.all(
    group.flatMap(tagsOf).map(async ({ reference, digest }) => {
      const held = await resolveOrUndefined(store, reference.tag, pool);
      if (held === undefined || held.digest === digest) return;
      throw nameTaken(formatReference(reference), reference.tag, held.digest);
    }),
  );
}

/** One tag of cosign holds all signatures of an image, so moving it would silently remove those that are not pushed. */
export async function warnOfMovedAttachments(
  store: Store,
  group: readonly ImageToPush[],
  pool: Pool,
  { onEvent }: Pick<CopyOptions, 'onEvent'>,
): Promise<void> {
  const attached = group.flatMap(tagsOf).filter(({ reference }) => isAttachmentTag(reference.tag));
  await Promise.all(
    attached.map(async ({ reference, digest }) => {
      const held = await resolveOrUndefined(store, reference.tag, pool);
      if (held === undefined || held.digest === digest) return;
      onEvent?.({
        type: 'warning',
        message: `${formatReference(reference)} changes from ${held.digest} to ${digest}`,
      });
    }),
  );
}

/** Returns the tags that an image gets, with those of its attachments. */
export function tagsOf({ image, destination }: ImageToPush): {
  reference: Reference & { tag: string };
  digest: string;
}[] {
  const { registry, repository, tag: own } = destination;
  return [{ tag: own, tree: image.tree }, ...image.attached].flatMap(({ tag, tree }) =>
    tag === undefined
      ? []
      : [{ reference: { registry, repository, tag }, digest: tree.content.descriptor.digest }],
  );
}

/** Returns what a reference names in the repository, or undefined if it does not exist there. */
export async function resolveOrUndefined(
  store: Store,
  reference: string,
  pool: Pool,
): Promise<Descriptor | undefined> {
  try {
    return await pool.runSmall((signal) => store.resolve(reference, { signal }));
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
