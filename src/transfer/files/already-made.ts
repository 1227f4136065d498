import { verified } from '../../content/verify.js';
import { ContentError } from '../../errors.js';
import { attachedTo } from '../../store/attached.js';
import { formatLayoutIndex, withAttachedEntry, withEntry } from '../../store/layout/layout-index.js';
import type { LayoutReader } from '../../store/layout/layout-reader.js';
import { has } from '../../store/store.js';
import type { Plan } from '../plan.js';

/** True if an archive has just what a plan would write: its index would be the same, and all content is there. */
export async function isMadeOf(previous: LayoutReader, plan: Plan): Promise<boolean> {
  let entries = plan.manifests.reduce<ReturnType<typeof withEntry>>((before, { descriptor, manifest }) => {
    const attached = manifest && attachedTo(descriptor, manifest);
    return attached === undefined ? before : withAttachedEntry(before, descriptor, attached.subject);
  }, []);
  for (const { name, descriptor } of plan.images.flatMap(({ names }) => names))
    entries = withEntry(entries, descriptor, name);
  if (!formatLayoutIndex(entries).equals(formatLayoutIndex(previous.indexEntries))) return false;
  const held = [...plan.blobs, ...plan.manifests].map(({ descriptor }) => has(previous, descriptor));
  return (await Promise.all(held)).every(Boolean);
}

/** True if all planned content in the archive matches its digest. */
export async function isWhole(previous: LayoutReader, plan: Plan): Promise<boolean> {
  try {
    for (const { descriptor } of [...plan.blobs, ...plan.manifests]) {
      const content = verified(descriptor, await previous.fetch(descriptor));
      while (!(await content.next()).done);
    }
    return true;
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    return false;
  }
}
