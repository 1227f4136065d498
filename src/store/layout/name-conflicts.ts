import type { Descriptor } from '../../content/descriptor.js';
import { nameKey } from '../../content/names.js';
import { entryKey, namesOf } from './layout-index.js';

/**
 * Returns, as sentences, why readers would take names in an `index.json` for different images. containerd and podman
 * use the full name of an entry, skopeo uses `ref.name`; of two entries with the same name skopeo takes the first and
 * containerd the last.
 */
export function nameConflicts(entries: readonly Descriptor[]): string[] {
  const conflicts: string[] = [];
  const holders = new Map<string, Descriptor>();
  const reported = new Set<string>();
  for (const entry of entries) {
    const { full, ref } = namesOf(entry);
    if (full !== undefined && ref !== undefined && !isSameName(full, ref))
      conflicts.push(
        `${entry.digest} is ${full} (io.containerd.image.name) and ${ref} (org.opencontainers.image.ref.name) in index.json`,
      );
    for (const key of claimedNames(entry)) {
      const holder = holders.get(key) ?? entry;
      holders.set(key, holder);
      if (holder.digest === entry.digest || reported.has(key)) continue;
      reported.add(key);
      conflicts.push(`${key} is ${holder.digest} and also ${entry.digest} in index.json`);
    }
  }
  return conflicts;
}

/** Returns what readers may take for the name of an entry, by `nameKey`. A tag is ignored if there is a full name. */
export function claimedNames(entry: Descriptor): string[] {
  const key = entryKey(entry);
  if (key === undefined) return [];
  const { full, ref } = namesOf(entry);
  if (full === undefined || ref === undefined || ref === full || !/[/:@]/.test(ref)) return [key];
  return [...new Set([key, nameKey(ref)])];
}

/**
 * True if `ref.name` is what writers put beside the full name: the same name, or a part of it. containerd and Docker
 * write what follows the repository, hauler leaves out the host.
 */
function isSameName(full: string, ref: string): boolean {
  if (ref === full || ref === full.slice(full.indexOf('/') + 1)) return true;
  // Not parsed as a reference, because containerd accepts any text as a name.
  const [, tag, digest] =
    /^[^:@]*(?::([^@]*))?(?:@(.*))?$/s.exec(full.slice(full.lastIndexOf('/') + 1)) ?? [];
  const parts = digest === undefined ? [tag ?? 'latest'] : [tag, digest, `@${digest}`, `${tag}@${digest}`];
  return parts.includes(ref) || nameKey(ref) === nameKey(full);
}
