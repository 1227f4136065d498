import { repositoriesOf } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { openDirectory } from '../../disk/files.js';
import {
  type GoingEntry,
  goingEntries,
  type RemovalChoice,
  type RemovalReport,
  removalReport,
} from '../removal.js';
import { IndexFile } from './index-file.js';
import { entryName, withNoted } from './layout-index.js';
import { LayoutReader } from './layout-reader.js';
import { requireNoOtherHalf } from './make-layout.js';

/**
 * Removes names from the index of a layout directory, in one change under its lock, so that saves and registries that write
 * there lose nothing.
 */
export async function removeLayoutNames(
  directory: string,
  { dryRun = false, ...choice }: RemovalChoice & { dryRun?: boolean | undefined },
): Promise<RemovalReport> {
  await requireNoOtherHalf(directory);
  const index = new IndexFile(directory);
  const choose = (entries: readonly Descriptor[]): Promise<GoingEntry[]> =>
    goingEntries(new LayoutReader(openDirectory(directory), entries), entries, choice);
  if (dryRun) {
    const entries = await index.read();
    return removalReport(entries, await choose(entries));
  }
  let report: RemovalReport | undefined;
  await index.change(async (entries) => {
    const going = await choose(entries);
    report = removalReport(entries, going);
    return without(entries, going);
  });
  if (report === undefined) throw new Error('a change of the index has called its edit');
  return report;
}

/** Returns the other entries. Repositories that have a manifest of these under its digest keep that. */
function without(entries: readonly Descriptor[], going: readonly GoingEntry[]): readonly Descriptor[] {
  const gone = new Set(going.map(({ entry }) => entry));
  let rest: readonly Descriptor[] = entries.filter((entry) => !gone.has(entry));
  for (const { entry, subject } of going) {
    if (entryName(entry) === undefined || subject !== undefined) continue;
    for (const repository of repositoriesOf(entry)) rest = withNoted(rest, entry, [repository]);
  }
  return rest;
}
