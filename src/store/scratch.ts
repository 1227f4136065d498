import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Descriptor } from '../content/descriptor.js';
import { createDigester, encodedOf } from '../content/digest.js';
import { diskError, onDisk } from '../disk/disk.js';
import type { Region } from '../disk/region.js';
import { streamRegion } from '../disk/region.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../disk/temporary-folder.js';
import type { Source } from './store.js';

/** Temporary files beside the output for content that is made during a run, whose digest is known only at the end. */
export interface Scratch extends Pick<Source, 'fetch' | 'region'> {
  /** Writes the content that `open` returns to a file, and returns its descriptor. */
  keep(mediaType: string, open: () => Promise<Readable>): Promise<Descriptor>;
  /** Returns a directory for a layout of content that is fetched first. */
  directory(): Promise<string>;
  /** Removes all files. */
  close(): Promise<void>;
}

/**
 * Creates temporary storage in its own folder in `parent`, which is created on first use. It reuses what a killed
 * process had fetched into its layout.
 */
export function createScratch(parent?: string): Scratch {
  let made: Promise<TemporaryFolder> | undefined;
  const regions = new Map<string, Region>();

  async function makeDirectory(): Promise<string> {
    made ??= makeTemporaryFolder(parent, { adopts: true });
    return (await made).path;
  }

  async function keep(mediaType: string, openContent: () => Promise<Readable>): Promise<Descriptor> {
    const folder = await makeDirectory();
    const part = join(folder, `${regions.size}-${Math.random().toString(36).slice(2)}.part`);
    const digester = createDigester();
    const file = await onDisk(part, () => open(part, 'wx'));
    try {
      for await (const chunk of (await openContent()) as AsyncIterable<Buffer>) {
        digester.update(chunk);
        await file.writeFile(chunk); // unlike `write`, this writes the whole chunk
      }
    } catch (error) {
      throw diskError(error, part);
    } finally {
      await file.close();
    }
    const descriptor = { mediaType, digest: digester.digest(), size: digester.size };
    const kept = join(folder, encodedOf(descriptor.digest));
    await onDisk(kept, () => rename(part, kept));
    regions.set(descriptor.digest, { path: kept, offset: 0, size: descriptor.size });
    return descriptor;
  }

  async function region({ digest }: Descriptor): Promise<Region | undefined> {
    return regions.get(digest);
  }

  return {
    keep,
    region,
    directory: async () => join(await makeDirectory(), 'layout'),
    async fetch(descriptor, { start = 0, signal } = {}) {
      const found = await region(descriptor);
      if (found === undefined) throw new Error(`${descriptor.digest} was not made here`);
      const rest = { ...found, offset: start, size: found.size - start };
      return streamRegion(await open(found.path, 'r'), rest, { signal, ownsHandle: true });
    },
    async close() {
      const folder = await made?.catch(() => undefined); // the callers got the error
      await folder?.remove();
    },
  };
}
