import { paxEntry, rawEntry } from '../tar-maker.js';
import type { AttackGroup } from './attack.js';
import { asTar, blobName, goodImage, layoutParts, set, tarOfParts } from './image.js';
import {
  ambiguousAs,
  BOUNDED,
  header,
  LAYER,
  layerAs,
  OF_LAYERS,
  ONE_READING,
  size,
  twice,
} from './tar-attacks.js';
import { EXTENSIONS } from './tar-extensions.js';

const base256 = (...bytes: number[]): Buffer => Buffer.from([...bytes, ...Buffer.alloc(12)]).subarray(0, 12);
/** Makes a map of a sparse file that never ends. */
const endlessMap = Buffer.alloc(512 * 3000);
for (let end = 504; end < endlessMap.length; end += 512) endlessMap[end] = 1;

export const TAR_HEADERS: AttackGroup = {
  title: 'tar headers',
  attacks: [
    layerAs('device-character', 'a layer that is a character device', { type: '3' }),
    layerAs('device-block', 'a layer that is a block device', { type: '4' }),
    layerAs('pipe', 'a layer that is a pipe', { type: '6' }),
    ambiguousAs('unknown-type', 'a layer of a type nobody knows', { type: 'Z', body: 'x' }),
    ambiguousAs('contiguous', 'a layer that is a contiguous file, which Docker passes over', {
      type: '7',
      body: 'x',
    }),
    ambiguousAs('sparse-gnu', 'a layer that is a sparse file of GNU tar', { type: 'S', body: 'x' }),
    {
      ...layerAs('sparse-map-endless', 'a sparse file whose map does not end', {}),
      rule: BOUNDED,
      unseenBy: [],
      place: asTar(() =>
        set(layoutParts(), LAYER, {
          type: 'S',
          between: endlessMap,
          alter: (block) => void block.writeUInt8(1, 482),
        }),
      ),
    },
    {
      ...ambiguousAs('sparse-pax', 'a layer that is a sparse file of a terabyte by its pax header', {}),
      place: asTar(() => {
        const parts = layoutParts();
        parts.delete(LAYER);
        parts.set('pax', paxEntry({ 'GNU.sparse.name': LAYER, 'GNU.sparse.realsize': '1099511627776' }));
        return set(parts, LAYER, { body: 'x' });
      }),
    },
    {
      ...layerAs('index-pipe', 'an index.json that is a pipe', {}),
      unseenBy: [],
      place: asTar(() => set(layoutParts(), 'index.json', { type: '6' })),
    },

    size('size-letters', 'a size that is not octal', '0000000000x\0'),
    size('size-minus', 'a size of "-1"', '-0000000001\0'),
    size('size-past-end', 'a size of 8 GiB in a small file', '77777777777\0'),
    size('size-base256-negative', 'a negative size in base-256', Buffer.alloc(12, 0xff)),
    size('size-base256-huge', 'a size beyond 2^64 in base-256', base256(0x80, 0, 0, 1)),
    size('size-base256-2^63', 'a size of 2^63 in base-256', base256(0x80, 0, 0, 0, 0x80)),
    size('size-octal-and-letters', 'octal digits, then others: readers stop or go on', '00000000001z'),
    {
      ...header('checksum', 'a header whose checksum is wrong', ONE_READING),
      place: asTar(() => {
        const tar = tarOfParts(layoutParts());
        tar[0] = (tar[0] ?? 0) ^ 1;
        return tar;
      }),
    },
    {
      ...header('zero-block', 'a block of zeros, where some readers stop, before the rest', ONE_READING),
      place: asTar(() =>
        Buffer.concat([rawEntry({ name: 'a' }), Buffer.alloc(512), tarOfParts(layoutParts())]),
      ),
    },
    {
      ...header('folder-with-body', 'a directory with a body, in which another header hides', ONE_READING),
      place: asTar(() =>
        Buffer.concat([
          rawEntry({ name: 'd/', type: '5', size: '00000001000\0' }),
          tarOfParts(layoutParts()),
        ]),
      ),
    },

    ...EXTENSIONS,
    header('old-folder-with-body', 'a directory of the old form with a body', ONE_READING, {
      name: 'decoy/',
      type: '\0',
      body: rawEntry({ name: 'index.json', body: '{}' }),
    }),
    header(
      'link-with-body',
      'a hard link with a body, which some readers take for the next header',
      ONE_READING,
      {
        name: 'decoy',
        type: '1',
        linkName: 'oci-layout',
        body: rawEntry({ name: 'index.json', body: '{}' }),
      },
    ),
    header('star-prefix', "a prefix in star's form, which is shorter than that of POSIX", ONE_READING, {
      name: 'index.json',
      body: '{}',
      alter: (block) => {
        block.write('./'.repeat(65), 345, 'latin1');
        block.write('00000000000', 476, 'latin1');
        block.write('tar\0', 508, 'latin1');
      },
    }),
    header('prefix-without-magic', 'a prefix in a header older than ustar, which Python joins', ONE_READING, {
      name: 'decoy',
      magic: 'none',
      body: '{}',
      alter: (block) => block.write('prefix', 345, 'latin1'),
    }),
    header('prefix-in-gnu', "a prefix in a header of GNU's form", ONE_READING, {
      name: 'decoy',
      magic: 'gnu',
      body: '{}',
      alter: (block) => block.write('prefix', 345, 'latin1'),
    }),
    header('magic-odd', "a magic that begins like ustar's and is none", ONE_READING, {
      name: 'decoy',
      body: '{}',
      alter: (block) => block.write('ustar 00', 257, 'latin1'),
    }),
    header(
      'beneath-file',
      'an entry beneath a file',
      ONE_READING,
      { name: 'folder', body: 'x' },
      { name: 'folder/file', body: 'x' },
    ),
    header(
      'beneath-link',
      'an entry beneath a link to a folder',
      ONE_READING,
      { name: 'folder', type: '2', linkName: 'blobs' },
      { name: 'folder/file', body: 'x' },
    ),
    header(
      'folder-becomes-link',
      'a folder that becomes a link',
      ONE_READING,
      { name: 'folder/', type: '5' },
      { name: 'folder', type: '2', linkName: 'blobs' },
    ),
    header('root-is-link', 'the root of the archive as a link', ONE_READING, {
      name: '.',
      type: '2',
      linkName: 'blobs',
    }),
    header('backslash', 'a second index.json for those who take a backslash for a slash', ONE_READING, {
      name: '.\\index.json',
      body: '{}',
    }),
    header(
      'decomposed',
      'two names that are one where characters are decomposed',
      ONE_READING,
      { name: 'caf\u00e9', body: 'x' },
      { name: 'cafe\u0301', body: 'y' },
    ),
    {
      ...header('after-the-end', 'a second index.json behind the end of the archive', ONE_READING),
      place: asTar(() =>
        Buffer.concat([tarOfParts(layoutParts()), rawEntry({ name: 'index.json', body: '{}' })]),
      ),
    },
    {
      ...header('gzip-and-tar', "a tar whose first name begins with gzip's magic", ONE_READING),
      place: asTar(() =>
        Buffer.concat([
          rawEntry({
            name: '',
            body: 'x',
            alter: (block) => void Buffer.from([0x1f, 0x8b, 8, 0]).copy(block),
          }),
          tarOfParts(layoutParts()),
        ]),
      ),
    },
    {
      ...header('bzip2-and-tar', "a tar whose first name begins with bzip2's magic", ONE_READING),
      place: asTar(() => Buffer.concat([rawEntry({ name: 'BZh9', body: 'x' }), tarOfParts(layoutParts())])),
    },

    twice(
      'twice-index',
      'index.json twice: the first wins for some, the last for others',
      'index.json',
      '{"schemaVersion":2,"manifests":[]}',
    ),
    twice('twice-layer', 'a layer twice, of another size', LAYER, 'other bytes'),
    twice(
      'twice-layer-same-size',
      'a layer twice, of the same size',
      LAYER,
      Buffer.from(goodImage().layer.bytes.map((byte) => byte ^ 1)),
      OF_LAYERS,
    ),
    twice('twice-manifest', 'a manifest twice', blobName(goodImage().manifest), '{}'),
    twice('twice-docker', 'manifest.json twice', 'manifest.json', '[]'),
  ],
};
