import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding, VerifyResult } from '../../../src/operations/verify/result.js';
import { openArchiveForWriting } from '../../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { type Content, type MadeImage, makeImage, makeIndex } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';

export const NAME = 'reg.test/a:1';

/** The two images that are verified, the same each time. */
export async function makeTwo(): Promise<[amd64: MadeImage, arm64: MadeImage]> {
  return [
    await makeImage({ seed: 'amd64', layers: [5000, 70] }),
    await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } }),
  ];
}

/** Where the images are that a test verifies: `layout` and `out.tar` in its folder. */
export interface Places {
  /** A path in the folder of the test. */
  path(name?: string): string;
  /** Writes an index of two images into a layout directory and into an archive. */
  writeBoth(): Promise<void>;
  /** The file of a blob in the layout directory. */
  fileOf(content: Content): string;
}

/** Gives the tests of a suite a folder each to verify things in. */
export function usePlaces(): Places {
  const path = useFolder();
  return {
    path,
    async writeBoth() {
      const source = await storeOf({ [NAME]: makeIndex(await makeTwo()) });
      await copyInto(await openLayoutForWriting(path('layout')), source, [NAME]);
      await copyInto(await openArchiveForWriting(path('out.tar'), { format: 'universal' }), source, [NAME]);
    },
    fileOf: ({ descriptor }) => join(path('layout'), blobPath(descriptor.digest)),
  };
}

/** The first layer of an image. */
export function layerOf({ layers }: MadeImage): Content {
  const [layer] = layers;
  assert.ok(layer);
  return layer;
}

/** Flips a bit of a file. */
export async function flip(file: string, position: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
  await writeFile(file, bytes);
}

/** What was found, in short, after it was seen that `ok` says the same. */
export function foundIn({ ok, findings }: VerifyResult): [code: string, digest: string | undefined][] {
  assert.equal(ok, findings.length === 0);
  return findings.map(({ code, digest }: Finding) => [code, digest]);
}
