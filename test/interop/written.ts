import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { documentOf, type NamedContent } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** An OCI layout that lading wrote, read without lading. */
export interface Written {
  folder: string;
  /** The entries of `index.json`. */
  entries: NamedContent[];
  /** The digests of everything under `blobs/`, sorted. */
  digests: string[];
  blobFile(digest: string): string;
  readBlob(digest: string): Promise<Buffer>;
  /** The name under which tools find the image with this digest. */
  refName(digest: string): string;
}

/** Opens a layout directory, or an archive after unpacking it with the system's tar. */
export async function openWritten(path: string): Promise<Written> {
  const folder = (await stat(path)).isDirectory() ? path : await unpack(path);
  const entries = documentOf(await readFile(join(folder, 'index.json'))).manifests ?? [];
  const blobFile = (digest: string) => join(folder, 'blobs', ...digest.split(':'));
  return {
    folder,
    entries,
    digests: await digestsIn(folder),
    blobFile,
    readBlob: (digest) => readFile(blobFile(digest)),
    refName: (digest) => {
      const name = entries.find((entry) => entry.digest === digest)?.annotations?.[REF_NAME];
      if (name === undefined) throw new Error(`index.json has no ${REF_NAME} for ${digest}`);
      return name;
    },
  };
}

/** Unpacks an archive with the system's tar; returns the folder. */
export async function unpack(archive: string): Promise<string> {
  const folder = await temporaryFolder('unpacked');
  await succeed('tar', ['-xf', archive, '-C', folder]);
  return folder;
}

/** The sha256 digest of a file of any size. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}

const REF_NAME = 'org.opencontainers.image.ref.name';

async function digestsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const algorithm of await readdir(join(folder, 'blobs'))) {
    for (const encoded of await readdir(join(folder, 'blobs', algorithm))) {
      found.push(`${algorithm}:${encoded}`);
    }
  }
  return found.sort();
}
