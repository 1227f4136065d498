import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodedOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { type Content, contentOf, type MadeImage, makeImage, makeIndex } from './images.js';

/** An image, or an index of one, whose documents are not as specified, but as some tools write them. */
export interface OddImage {
  title: string;
  manifest: Content;
  all: Content[];
}

interface Documents {
  /** Changes the manifest. */
  manifest?: (document: Record<string, unknown>) => object;
  /** Changes the config; a string replaces it. */
  config?: (document: Record<string, unknown>) => object | string;
  /** Members of each layer's descriptor. */
  layer?: object;
  /** Members of the entry in the index. An index is made only if this or `index` is given. */
  child?: object;
  /** Changes the index. */
  index?: (document: Record<string, unknown>) => object;
  format?: 'oci' | 'docker';
  /** The declared type of the index; default that of its format. */
  declared?: string;
}

/** Returns the bytes of a document, or of a string that replaces it. */
const bytesOf = (value: object | string): Buffer =>
  typeof value === 'string' ? Buffer.from(value) : json(value);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Makes an image with these changes to its documents; members that are undefined are removed. */
export async function makeOddImage(title: string, changes: Documents): Promise<OddImage> {
  const made: MadeImage = await makeImage({ seed: title, layers: [100], format: changes.format ?? 'oci' });
  const config = contentOf(
    made.config.descriptor.mediaType,
    changes.config === undefined ? made.config.bytes : bytesOf(changes.config(parsed(made.config))),
  );
  const document = { ...parsed(made.manifest), config: config.descriptor };
  const layers = made.layers.map(({ descriptor }) => ({ ...descriptor, ...changes.layer }));
  const edited = (changes.manifest ?? ((same) => same))({ ...document, layers });
  const manifest = contentOf(made.manifest.descriptor.mediaType, json(edited));
  const isNamed = ({ descriptor }: Content): boolean => manifest.bytes.includes(descriptor.digest);
  const parts = [...made.layers.filter(isNamed), config, manifest];
  if (changes.child === undefined && changes.index === undefined) return { title, manifest, all: parts };
  const plain = makeIndex([{ ...made, manifest }], { format: changes.format ?? 'oci' });
  const { manifests, ...index } = parsed(plain.manifest);
  const children = (manifests as object[]).map((child) => ({ ...child, ...changes.child })); // made above
  const root = contentOf(
    changes.declared ?? plain.manifest.descriptor.mediaType,
    json((changes.index ?? ((same) => same))({ ...index, manifests: children })),
  );
  return { title, manifest: root, all: [...parts, root] };
}

/** Makes images that violate the specification, or nearly do, but that every tool copies. */
export function makeOddImages(): Promise<OddImage[]> {
  const EMPTY = { config: () => ({}) };
  const odd: [title: string, changes: Documents][] = [
    ['a media type without a slash', { layer: { mediaType: 'spdx+json' } }],
    ['a media type with parameters', { layer: { mediaType: 'application/vnd.cyclonedx+json; version=1.4' } }],
    ['an empty media type', { layer: { mediaType: '' } }],
    ['an artifactType that is null', { manifest: (it) => ({ ...it, artifactType: null, subject: null }) }],
    ['an empty artifactType', { manifest: (it) => ({ ...it, artifactType: '' }) }],
    ['a platform that is null', { child: { platform: null } }],
    ['an empty platform', { child: { platform: {} } }],
    ['an annotation that is null', { manifest: (it) => ({ ...it, annotations: { '': 'x', a: null } }) }],
    ['annotations of a layer that are null', { layer: { annotations: null, urls: null, data: null } }],
    ['an empty config', EMPTY],
    ['an empty config and no layers', { ...EMPTY, manifest: (it) => ({ ...it, layers: [] }) }],
    ['an empty rootfs', { config: (it) => ({ ...it, rootfs: {} }) }],
    ['no rootfs', { config: (it) => ({ ...it, rootfs: undefined }), format: 'docker' }],
    ['a list of exposed ports', { config: (it) => ({ ...it, config: { ExposedPorts: [] } }) }],
    ['an empty creation time', { config: (it) => ({ ...it, created: '' }) }],
    ['a history that is null', { config: (it) => ({ ...it, history: null }) }],
    ['a subject in a Docker manifest', { manifest: (it) => ({ ...it, subject: SUBJECT }), format: 'docker' }],
    ['an empty mediaType', { manifest: (it) => ({ ...it, mediaType: '' }) }],
    ['no schemaVersion', { manifest: (it) => ({ ...it, schemaVersion: undefined }) }],
    ['no layers member', { ...EMPTY, manifest: (it) => ({ ...it, layers: undefined }) }],
    [
      'Docker’s children in an OCI index that does not say its type',
      { format: 'docker', declared: MEDIA_TYPE.ociIndex, index: (it) => ({ ...it, mediaType: undefined }) },
    ],
    [
      'os.features that are null',
      { child: { platform: { os: 'linux', architecture: 'amd64', 'os.features': null } } },
    ],
    ['members that nobody knows', { manifest: (it) => ({ ...it, vendor: [null] }), layer: { vendor: 1 } }],
  ];
  return Promise.all(odd.map(([title, changes]) => makeOddImage(title, changes)));
}

const SUBJECT = { mediaType: MEDIA_TYPE.ociManifest, digest: `sha256:${'5'.repeat(64)}`, size: 5 };

/** Writes a layout directory without using lading's own code. */
export async function writeLayout(
  folder: string,
  images: Record<string, Pick<OddImage, 'manifest' | 'all'>>,
): Promise<string> {
  for (const { descriptor, bytes } of Object.values(images).flatMap(({ all }) => all)) {
    const file = join(folder, 'blobs/sha256', encodedOf(descriptor.digest));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  const manifests = Object.entries(images).map(([name, { manifest }]) => ({
    ...manifest.descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  await writeFile(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), json({ schemaVersion: 2, manifests }));
  return folder;
}

function parsed({ bytes }: Content): Record<string, unknown> {
  return JSON.parse(bytes.toString()) as Record<string, unknown>; // made by makeImage or makeIndex
}
