import type { Descriptor } from '../../content/descriptor.js';
import { ContentError } from '../../errors.js';
import { openTar, type TarFiles } from '../../tar/read.js';
import type { ImageFiles } from '../image-files.js';
import { entryKey } from '../layout/layout-index.js';
import { LayoutReader } from '../layout/layout-reader.js';
import { type ArchiveMemory, type ArchiveMemoryOptions, recallArchive } from './archive-memory.js';
import { withSlashes } from './misplaced.js';
import { type OpeningNotes, openImageFiles } from './open-files.js';
import { openTarOrSpool, type SpoolOptions } from './spool.js';

export interface OpenArchiveOptions extends SpoolOptions {
  /** Where records of large archives are kept; default nowhere. */
  memory?: ArchiveMemoryOptions | undefined;
}

/** Opens an archive of any form and reads it in place, or from a temporary file if it is compressed as a whole. */
export async function openArchive(path: string, options: OpenArchiveOptions = {}): Promise<ImageFiles> {
  const { signal } = options;
  const memory = options.memory && (await recallArchive(path, options.memory));
  const record = memory?.record;
  const view = await openTarOrSpool(path, { ...options, table: record?.table });
  try {
    const notes: OpeningNotes = { sameHalves: record?.sameHalves };
    const slashed = view.hasBackslashes() ? await withSlashes(view) : undefined;
    const images = await openImageFiles(slashed?.view ?? view, {
      code: 'INVALID_ARCHIVE',
      signal,
      notes,
      path: options.streamName && 'FILE',
    });
    images.remarks.push(...view.remarks(), ...(slashed === undefined ? [] : [slashed.remark]));
    images.checkArchive = () => view.compareRepeated();
    images.noteUnattached(record?.unattached ?? []);
    return memory === undefined ? images : remembering(images, view, { memory, notes });
  } catch (error) {
    await view.close();
    throw error;
  }
}

/** Writes the record of an archive when it is closed, because only then everything is known. */
function remembering(
  images: ImageFiles,
  view: TarFiles,
  { memory, notes }: { memory: ArchiveMemory; notes: OpeningNotes },
): ImageFiles {
  const close = images.close.bind(images);
  return Object.assign(images, {
    async close(): Promise<void> {
      try {
        // If the table was wrong, the notes from that record may be wrong too.
        const isWrong = memory.record !== undefined && view.table() !== memory.record.table;
        const sameHalves = isWrong ? undefined : notes.sameHalves;
        await memory.remember({ table: view.table(), sameHalves, unattached: images.unattached });
      } finally {
        await close();
      }
    },
  });
}

/**
 * Opens an OCI layout in a tar, such as a universal archive, to rewrite it. Rejects with `INVALID_LAYOUT` for other
 * archives and for one with more images in its other half, and with `INVALID_ARCHIVE` if the two halves contradict each
 * other.
 */
export async function openLayoutArchive(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LayoutReader> {
  const view = await openTar(path, options);
  try {
    const layout = await LayoutReader.open(view);
    const images = await openImageFiles(view, { code: 'INVALID_ARCHIVE', signal: options.signal });
    images.requireOneMeaning();
    const known = new Set(layout.indexEntries.map(keyOrDigest));
    const other = images.indexEntries.find((entry) => !known.has(keyOrDigest(entry)));
    if (other === undefined) return layout;
    throw new ContentError('INVALID_LAYOUT', `${path} has ${keyOrDigest(other)} only in manifest.json`);
  } catch (error) {
    await view.close();
    throw error;
  }
}

function keyOrDigest(entry: Descriptor): string {
  return entryKey(entry) ?? entry.digest;
}
