import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { ErrorCode } from '../../../src/errors.js';
import { jsonContent } from '../images.js';
import type { AttackGroup, FileAttack, Reader } from './attack.js';
import {
  asTar,
  dockerParts,
  goodImage,
  type JSONMembers,
  layoutOf,
  layoutParts,
  named,
  type Parts,
  set,
} from './image.js';

const HEX = 'a'.repeat(64);
const CHECKED = 'a digest is checked before it becomes a part of a path or URL (CVE-2024-3727)';

const DIGESTS: readonly [name: string, what: string, digest: unknown][] = [
  ['path', 'that is a path', 'sha256:../../../../etc/passwd'],
  [
    'path-long',
    'that is a path of the right length',
    `sha256:${'../'.repeat(30)}`.padEnd(71, 'a').slice(0, 71),
  ],
  ['algorithm-path', 'whose algorithm is a path', `../../sha256:${HEX}`],
  ['algorithm-unknown', 'of an unknown algorithm', `md5:${'a'.repeat(32)}`],
  ['algorithm-prototype', 'whose algorithm is a member that all objects have', `constructor:${HEX}`],
  ['algorithm-none', 'without an algorithm', HEX],
  ['short', 'that is too short', 'sha256:abc'],
  ['long', 'that is too long', `sha256:${HEX}a`],
  ['empty', 'that is empty', 'sha256:'],
  ['upper-case', 'in upper case', `sha256:${HEX.toUpperCase()}`],
  ['not-hex', 'that is not hexadecimal', `sha256:${'z'.repeat(64)}`],
  ['line-end', 'with a line end behind it', `sha256:${HEX}\n`],
  ['header', 'with a header behind it', `sha256:${HEX}\r\nX-Pwned: 1`],
  ['query', 'with a query behind it', `sha256:${HEX}?x=`],
  ['nul', 'with a NUL in it', `sha256:${HEX.slice(1)}\0`],
  ['full-width', 'in full-width digits', `sha256:${'１'.repeat(64)}`],
  ['look-alike', 'whose "a" is Cyrillic', `sha256:${'а'.repeat(64)}`],
  ['number', 'that is a number', 1],
  ['null', 'that is null', null],
  ['object', 'that is an object', { toString: 'sha256' }],
];

const SIZES: readonly [name: string, what: string, size: unknown][] = [
  ['negative', 'that is negative', -1],
  ['fraction', 'that is not whole', 1.5],
  ['text', 'that is a text', '12'],
  ['huge', 'of 10^300', 1e300],
  ['null', 'that is null', null],
];

/** Invalid members of descriptors. */
const MEMBERS: readonly [name: string, what: string, members: JSONMembers][] = [
  ['media-type-empty', 'with an empty media type', { mediaType: '' }],
  ['media-type-header', 'whose media type has a header behind it', { mediaType: 'a/b\r\nX-Pwned: 1' }],
  ['media-type-number', 'whose media type is a number', { mediaType: 1 }],
  ['urls-text', 'whose urls are one text', { urls: 'https://reg.test' }],
  ['annotations-numbers', 'whose annotations are numbers', { annotations: { a: 1 } }],
];

/** A place of a descriptor, and how to put invalid members there. */
interface Place {
  /** Whether its media type may be empty, because content other than a manifest does not need it. */
  mayBeUntyped: boolean;
  name: string;
  code: ErrorCode;
  make(members: JSONMembers): Parts;
}

function changed(descriptor: object, members: JSONMembers): JSONMembers {
  return { ...descriptor, ...members };
}

const PLACES: readonly Place[] = [
  {
    name: 'index.json',
    mayBeUntyped: false,
    code: 'INVALID_LAYOUT',
    make: (members) => layoutParts(goodImage(), members),
  },
  {
    name: 'config',
    mayBeUntyped: true,
    code: 'INVALID_MANIFEST',
    make: (members) =>
      layoutParts(goodImage({ manifest: { config: changed(goodImage().config.descriptor, members) } })),
  },
  {
    name: 'layer',
    mayBeUntyped: true,
    code: 'INVALID_MANIFEST',
    make: (members) =>
      layoutParts(goodImage({ manifest: { layers: [changed(goodImage().layer.descriptor, members)] } })),
  },
  {
    name: 'child',
    mayBeUntyped: false,
    code: 'INVALID_MANIFEST',
    make(members) {
      const { layer, config, manifest } = goodImage();
      const index = jsonContent(MEDIA_TYPE.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [changed(manifest.descriptor, members)],
      });
      return layoutOf([named(index.descriptor)], [layer, config, manifest, index]);
    },
  },
  {
    name: 'subject',
    mayBeUntyped: true,
    code: 'INVALID_MANIFEST',
    make: (members) =>
      layoutParts(goodImage({ manifest: { subject: changed(goodImage().manifest.descriptor, members) } })),
  },
];

function attacksAt({ name, mayBeUntyped, code, make }: Place): FileAttack[] {
  const attack = (part: string, what: string, rule: string, members: JSONMembers): FileAttack => ({
    name: `${name}-${part}`,
    what,
    rule,
    code,
    place: asTar(() => make(members)),
  });
  return [
    ...DIGESTS.map(([part, what, digest]) =>
      attack(`digest-${part}`, `a digest in ${name} ${what}`, CHECKED, { digest }),
    ),
    ...SIZES.map(([part, what, size]) =>
      attack(`size-${part}`, `a size in ${name} ${what}`, 'a size is a whole number of at most 2^53 - 1', {
        size,
      }),
    ),
    // A subject may have no type, either, but convert refuses every subject, independent of its type.
    ...MEMBERS.filter(([part]) => part !== 'media-type-empty' || name !== 'subject').map(
      ([part, what, members]) =>
        part === 'media-type-empty' && mayBeUntyped
          ? {
              ...attack(part, `a descriptor in ${name} ${what}`, 'odd content is carried as it is', members),
              code: 'harmless' as const,
            }
          : attack(
              part,
              `a descriptor in ${name} ${what}`,
              'a document has the types of its schema',
              members,
            ),
    ),
  ];
}

const TRUTH = 'what a descriptor says is compared with the bytes';

/** Makes a descriptor that is valid, but wrong. */
function lie(
  name: string,
  what: string,
  code: ErrorCode,
  make: () => Parts,
  unseenBy: readonly Reader[] = [],
): FileAttack {
  return { name, what, rule: TRUTH, code, unseenBy, place: asTar(make) };
}

const good = goodImage();

function layerOfSize(size: number): () => Parts {
  return () => layoutParts(goodImage({ manifest: { layers: [{ ...good.layer.descriptor, size }] } }));
}

const LIES: readonly FileAttack[] = [
  lie(
    'lie-layer-size-more',
    'a layer said to be a byte longer',
    'SIZE_MISMATCH',
    layerOfSize(good.layer.bytes.length + 1),
    ['ls', 'inspect'],
  ),
  lie(
    'lie-layer-size-less',
    'a layer said to be a byte shorter',
    'SIZE_MISMATCH',
    layerOfSize(good.layer.bytes.length - 1),
    ['ls', 'inspect'],
  ),
  lie('lie-layer-size-huge', 'a layer said to have 8 PiB', 'SIZE_MISMATCH', layerOfSize(2 ** 53 - 1), [
    'ls',
    'inspect',
  ]),
  lie('lie-manifest-size', 'a manifest said to have 1 byte', 'SIZE_MISMATCH', () =>
    layoutParts(good, { size: 1 }),
  ),
  {
    ...lie('lie-manifest-size-huge', 'a manifest said to have 8 PiB', 'SIZE_MISMATCH', () =>
      layoutParts(good, { size: 2 ** 53 - 1 }),
    ),
    orCode: 'TOO_LARGE',
  },
  {
    ...lie('lie-config-size-huge', 'a config said to have 8 PiB', 'SIZE_MISMATCH', () =>
      layoutParts(goodImage({ manifest: { config: { ...good.config.descriptor, size: 2 ** 53 - 1 } } })),
    ),
    orCode: 'TOO_LARGE',
  },
  lie(
    'lie-layer-bytes',
    'a layer with other bytes of the same length',
    'DIGEST_MISMATCH',
    () => set(layoutParts(), blobPathOf(good.layer), Buffer.alloc(good.layer.bytes.length, 1)),
    ['ls', 'inspect'],
  ),
  lie('lie-manifest-bytes', 'a manifest with other bytes of the same length', 'DIGEST_MISMATCH', () =>
    set(layoutParts(), blobPathOf(good.manifest), Buffer.alloc(good.manifest.bytes.length, 0x20)),
  ),
  lie('lie-type-index', 'an image said to be an index', 'INVALID_MANIFEST', () =>
    layoutParts(good, { mediaType: MEDIA_TYPE.ociIndex }),
  ),
  lie('ambiguous', 'a document that is an image and an index (CVE-2021-41190)', 'INVALID_MANIFEST', () =>
    layoutParts(goodImage({ manifest: { manifests: [] } })),
  ),
  lie('ambiguous-case', 'an image with "Manifests", which Go reads as an index', 'INVALID_MANIFEST', () =>
    layoutParts(goodImage({ manifest: { Manifests: [] } })),
  ),
  lie(
    'docker-layer-bytes',
    'a layer of a docker-archive that its config does not tell of',
    'DIGEST_MISMATCH',
    () => set(dockerParts(), 'layer.tar', Buffer.alloc(2048, 1)),
    ['ls', 'inspect'],
  ),
];

function blobPathOf({ descriptor }: { descriptor: { digest: string } }): string {
  return `blobs/${descriptor.digest.replace(':', '/')}`;
}

export const DESCRIPTORS: AttackGroup = {
  title: 'digests, sizes and types',
  attacks: [...PLACES.flatMap(attacksAt), ...LIES],
};
