import type { Descriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { type Content, randomBytesFrom } from '../support/images.js';

export type Algorithm = 'sha256' | 'sha512';

/** Content that is pushed together: blobs, manifests (children first), and then the referrers of each subject. */
export interface Kind {
  blobs: Content[];
  manifests: Content[];
  referrers: Record<string, Descriptor[]>;
}

/** Returns a blob of random or given bytes. */
export function octets(seed: string, size: number | undefined, algorithm: Algorithm): Content {
  const bytes = size === undefined ? Buffer.from(seed) : randomBytesFrom(seed, size);
  return content('application/octet-stream', bytes, algorithm);
}

/** Every kind of manifest that the distribution-spec requires registries to accept. */
export const KINDS: Record<string, (algorithm: Algorithm) => Kind> = {
  'an image': (algorithm) => image(algorithm),
  'an image without layers': (algorithm) => image(algorithm, { layers: [] }),
  'a manifest of almost 4 MiB': (algorithm) => {
    const annotations = Array.from({ length: 390 }, (_, n) => [`large-${n}`, 'A'.repeat(10_000)]);
    return image(algorithm, { annotations: Object.fromEntries(annotations) });
  },
  'descriptors with their content': (algorithm) => {
    const { blobs, manifests } = image(algorithm);
    const withContent = Object.fromEntries(
      blobs.map(({ descriptor, bytes }) => [
        descriptor.digest,
        { ...descriptor, data: bytes.toString('base64') },
      ]),
    );
    return edited({ blobs, manifests, referrers: {} }, algorithm, (document) => ({
      ...document,
      config: withContent[document.config.digest],
      layers: document.layers.map(({ digest }) => withContent[digest]),
    }));
  },
  'members that nobody knows': (algorithm) =>
    edited(image(algorithm), algorithm, (document) => ({ ...document, 'org.example.x': 'y' })),
  'layers that are elsewhere': (algorithm) =>
    edited(image(algorithm), algorithm, (document) => {
      const layer = octets('elsewhere', 10, algorithm).descriptor;
      const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
      const foreign = { ...layer, mediaType, urls: [`https://store.example.com/${layer.digest}`] };
      return { ...document, layers: [foreign, ...document.layers] };
    }),
  'an index': (algorithm) => index(algorithm, [image(algorithm, { seed: 1 }), image(algorithm, { seed: 2 })]),
  'an index of indexes': (algorithm) =>
    index(
      algorithm,
      [1, 2].map((seed) => index(algorithm, [image(algorithm, { seed })])),
    ),
  'an index of nothing': (algorithm) => index(algorithm, []),
  'an artifact': (algorithm) => artifact(algorithm),
  'an index of artifacts': (algorithm) =>
    index(algorithm, [artifact(algorithm)], { artifactType: 'application/x.list' }),
  'what is attached to an image': (algorithm) => {
    const subject = image(algorithm, { seed: 'subject' });
    const named = last(subject).descriptor;
    const attached = [
      // A manifest without an artifact type gets that of its config.
      referring(image(algorithm, { seed: 1, subject: named }), named, MEDIA_TYPE.ociConfig),
      referring(artifact(algorithm, { subject: named, annotations: { a: 'b' } }), named, ARTIFACT),
    ];
    return together(subject, ...attached);
  },
  'an index that is attached to an index': (algorithm) => {
    const subject = index(algorithm, [image(algorithm)]);
    const named = last(subject).descriptor;
    const artifactType = 'application/x.list';
    const attached = index(algorithm, [], { artifactType, subject: named });
    return together(subject, referring(attached, named, artifactType));
  },
  'an artifact that is attached to nothing that is here': (algorithm) => {
    const { descriptor } = octets('missing', 10, algorithm);
    const subject = { ...descriptor, mediaType: MEDIA_TYPE.ociManifest };
    return referring(artifact(algorithm, { subject }), subject, ARTIFACT);
  },
  'an index some of whose children are missing': (algorithm) => {
    const [here, missing] = [image(algorithm, { seed: 'here' }), image(algorithm, { seed: 'missing' })];
    const { manifests } = index(algorithm, [here, missing]);
    return { ...here, manifests: [...here.manifests, ...manifests.slice(-1)] };
  },
  'an image one of whose layers is missing': (algorithm) => {
    const made = image(algorithm);
    return { ...made, blobs: made.blobs.slice(1) };
  },
};

const ARTIFACT = 'application/x.artifact';

interface Members {
  annotations?: Record<string, string>;
  artifactType?: string;
  subject?: Descriptor;
}

function image(
  algorithm: Algorithm,
  { seed = 0, layers = [100, 200], ...members }: Members & { seed?: number | string; layers?: number[] } = {},
): Kind {
  const made = layers.map((size, position) =>
    content(MEDIA_TYPE.ociLayerGzip, randomBytesFrom(`${seed}/${position}`, size), algorithm),
  );
  const config = json(
    MEDIA_TYPE.ociConfig,
    { os: 'linux', architecture: 'amd64', author: `${seed}` },
    algorithm,
  );
  return { blobs: [...made, config], manifests: [manifest(config, made, members, algorithm)], referrers: {} };
}

function artifact(algorithm: Algorithm, members: Members = {}): Kind {
  const config = json(MEDIA_TYPE.ociEmpty, {}, algorithm);
  const layer = content(ARTIFACT, randomBytesFrom('artifact', 50), algorithm);
  const made = manifest(config, [layer], { artifactType: ARTIFACT, ...members }, algorithm);
  return { blobs: [layer, config], manifests: [made], referrers: {} };
}

function manifest(config: Content, layers: Content[], members: Members, algorithm: Algorithm): Content {
  const mediaType = MEDIA_TYPE.ociManifest;
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const document = {
    schemaVersion: 2,
    mediaType,
    ...members,
    config: config.descriptor,
    layers: descriptors,
  };
  return json(mediaType, document, algorithm);
}

function index(algorithm: Algorithm, children: Kind[], members: Members = {}): Kind {
  const mediaType = MEDIA_TYPE.ociIndex;
  const manifests = children.map((child) => last(child).descriptor);
  const made = json(mediaType, { schemaVersion: 2, mediaType, ...members, manifests }, algorithm);
  return together(...children, { blobs: [], manifests: [made], referrers: {} });
}

/** Adds the expected entry of the list of referrers for the last manifest. */
function referring(kind: Kind, { digest: subject }: Descriptor, artifactType: string): Kind {
  const { descriptor, bytes } = last(kind);
  const { annotations } = JSON.parse(bytes.toString()) as Members;
  const entry = { ...descriptor, artifactType, ...(annotations === undefined ? {} : { annotations }) };
  return { ...kind, referrers: { [subject]: [entry] } };
}

interface ImageDocument {
  config: Descriptor;
  layers: Descriptor[];
}

function edited(kind: Kind, algorithm: Algorithm, edit: (document: ImageDocument) => object): Kind {
  const document = JSON.parse(last(kind).bytes.toString()) as ImageDocument; // made by `manifest`
  return { ...kind, manifests: [json(MEDIA_TYPE.ociManifest, edit(document), algorithm)] };
}

/** Combines kinds; equal content is included once. */
function together(...kinds: Kind[]): Kind {
  const referrers: Record<string, Descriptor[]> = {};
  for (const [subject, entries] of kinds.flatMap((kind) => Object.entries(kind.referrers)))
    referrers[subject] = [...(referrers[subject] ?? []), ...entries];
  return {
    blobs: unique(kinds.flatMap(({ blobs }) => blobs)),
    manifests: unique(kinds.flatMap(({ manifests }) => manifests)),
    referrers,
  };
}

function unique(contents: Content[]): Content[] {
  return [...new Map(contents.map((one) => [one.descriptor.digest, one])).values()];
}

function last({ manifests }: Kind): Content {
  const found = manifests.at(-1);
  if (found === undefined) throw new Error('a kind without a manifest');
  return found;
}

function json(mediaType: string, document: object, algorithm: Algorithm): Content {
  return content(mediaType, Buffer.from(JSON.stringify(document)), algorithm);
}

function content(mediaType: string, bytes: Buffer, algorithm: Algorithm): Content {
  return { descriptor: { mediaType, digest: digestOf(bytes, algorithm), size: bytes.length }, bytes };
}
