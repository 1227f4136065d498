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

/** Content that is made on the way, whose digest is known only when it is made: files beside the output. */
export interface Scratch extends Pick<Source, 'fetch' | 'region'> {
  /** Writes what `open` gives to a file; its digest and size are then known. */
  keep(mediaType: string, open: () => Promise<Readable>): Promise<Descriptor>;
  /** A directory in it for a layout of what is fetched first. */
  directory(): Promise<string>;
  /** Removes all files. */
  close(): Promise<void>;
}

/**
 * Room for content in a folder of its own in `parent`, made when it is first needed. What a killed process had
 * fetched into its layout is there again.
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
        await file.writeFile(chunk); // unlike `write`, until all of it is written
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
      const folder = await made?.catch(() => undefined); // told to whoever wanted it
      await folder?.remove();
    },
  };
}
