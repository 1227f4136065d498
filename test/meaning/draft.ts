import { type RawEntry, rawEntry } from '../support/tar-maker.js';
import { type Node, nodeOf, textOf } from './json-text.js';
import { type DescriptorDocument, descriptorOf, EVIL_NAME, GOOD_NAME, type Parts } from './pair.js';

export type Form = 'docker-archive' | 'layout' | 'both';

/** Which image each name stands for, in one of the lists of an archive. */
export type Names = readonly (readonly [name: string, who: 'GOOD' | 'EVIL'])[];

export const RIGHT: Names = [
  [GOOD_NAME, 'GOOD'],
  [EVIL_NAME, 'EVIL'],
];
export const SWAPPED: Names = [
  [GOOD_NAME, 'EVIL'],
  [EVIL_NAME, 'GOOD'],
];

/** The lists of an archive; one that is undefined is not there. */
export interface Lists {
  index: Names | undefined;
  manifest: Names | undefined;
  repositories: Names | undefined;
}

export interface Pair {
  GOOD: Parts;
  EVIL: Parts;
}

/** The documents beside the images, by the name of their file. */
export type Documents = Map<string, Node>;

export function documentsOf(pair: Pair, lists: Lists, fileOf: FileOf): Documents {
  const documents: Documents = new Map();
  if (lists.index !== undefined) {
    documents.set('oci-layout', nodeOf({ imageLayoutVersion: '1.0.0' }));
    documents.set('index.json', nodeOf(indexOf(pair, lists.index)));
  }
  if (lists.manifest !== undefined)
    documents.set('manifest.json', nodeOf(manifestOf(pair, lists.manifest, fileOf)));
  if (lists.repositories !== undefined)
    documents.set('repositories', nodeOf(repositoriesOf(pair, lists.repositories)));
  return documents;
}

/** How an archive calls the files of an image: as blobs, or as Docker 1.10 to 24 does. */
export type FileOf = (part: 'config' | 'layer', hex: string) => string;

export const AS_BLOBS: FileOf = (_, hex) => `blobs/sha256/${hex}`;
export const AS_FILES: FileOf = (part, hex) => (part === 'config' ? `${hex}.json` : `${hex}/layer.tar`);

function indexOf(pair: Pair, names: Names): { schemaVersion: 2; manifests: DescriptorDocument[] } {
  const manifests = names.map(([name, who]) => ({
    ...descriptorOf(pair[who].manifest),
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tagOf(name) },
  }));
  return { schemaVersion: 2, manifests };
}

function manifestOf(pair: Pair, names: Names, fileOf: FileOf): unknown[] {
  const images = [...new Set(names.map(([, who]) => who))];
  return images.map((who) => ({
    Config: fileOf('config', pair[who].config.hex),
    RepoTags: names.filter(([, of]) => of === who).map(([name]) => familiar(name)),
    Layers: [fileOf('layer', pair[who].layer.hex)],
  }));
}

function repositoriesOf(pair: Pair, names: Names): Record<string, Record<string, string>> {
  const tags = names.map(([name, who]) => [tagOf(name), pair[who].layer.hex]);
  return { [familiar(names[0]?.[0] ?? GOOD_NAME).replace(/:.*/, '')]: Object.fromEntries(tags) };
}

function tagOf(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

/** As Docker writes names: without its own registry. */
function familiar(name: string): string {
  return name.replace('docker.io/library/', '');
}

/** An archive that is being made: entries, what stands around them, and what was done to it. */
export interface Draft {
  pair: Pair;
  fileOf: FileOf;
  /** Entries by their headers, or bytes that stand there as they are. */
  entries: (RawEntry | Buffer)[];
  /** After the end marker. */
  tail: Buffer;
  hasEnd: boolean;
  what: string[];
}

export function draftOf(
  pair: Pair,
  documents: ReadonlyMap<string, Node | string | Buffer>,
  fileOf: FileOf,
  hasManifests: boolean,
): Draft {
  const files = new Map<string, Buffer>();
  for (const { config, layer, manifest } of Object.values(pair) as Parts[]) {
    files.set(fileOf('config', config.hex), config.bytes);
    files.set(fileOf('layer', layer.hex), layer.bytes);
    if (hasManifests) {
      for (const { hex, bytes } of [config, layer, manifest]) files.set(`blobs/sha256/${hex}`, bytes);
    }
  }
  for (const [name, document] of documents) files.set(name, bytesOf(document));
  return {
    pair,
    fileOf,
    entries: [...files].map(([name, body]) => ({ name, body })),
    tail: Buffer.alloc(0),
    hasEnd: true,
    what: [],
  };
}

function bytesOf(document: Node | string | Buffer): Buffer {
  if (Buffer.isBuffer(document)) return document;
  return Buffer.from(typeof document === 'string' ? document : textOf(document));
}

export function archiveOf({ entries, tail, hasEnd }: Draft): Buffer {
  return Buffer.concat([
    ...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : rawEntry(entry))),
    ...(hasEnd ? [Buffer.alloc(1024)] : []),
    tail,
  ]);
}

/** The entry of a file; undefined once it has been replaced by something else. */
export function entryOf(draft: Draft, name: string): RawEntry | undefined {
  return draft.entries.find((entry): entry is RawEntry => !Buffer.isBuffer(entry) && entry.name === name);
}
