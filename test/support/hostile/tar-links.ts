import { execFile } from 'node:child_process';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeTar, paxEntry, type RawEntry } from '../tar-maker.js';
import type { AttackGroup, FileAttack } from './attack.js';
import {
  asTar,
  blobName,
  dockerParts,
  goodImage,
  layoutParts,
  type Parts,
  set,
  tarOfParts,
} from './image.js';

const LAYER = blobName(goodImage().layer);
const NO_ESCAPE = 'a name or link of an archive leads to nothing but entries of the archive (CVE-2014-9356)';
/** Operations that do not read layers, and so do not notice what replaces one. */
const OF_LAYERS = ['inspect', 'ls'] as const;

/** Makes a layout whose layer is a link, with the real bytes in another file. */
function linkedLayer(type: '1' | '2', linkName: string, more: readonly RawEntry[] = []): () => Parts {
  return () => {
    const { layer } = goodImage();
    const parts = set(layoutParts(), LAYER, { type, linkName });
    set(parts, 'elsewhere', layer.bytes);
    for (const [place, entry] of more.entries()) parts.set(`more ${place}`, entry);
    return parts;
  };
}

/** Makes a valid layout with these entries before it. */
function after(...entries: RawEntry[]): () => Buffer {
  return () => Buffer.concat([makeTar(...entries).subarray(0, -1024), tarOfParts(layoutParts())]);
}

function badLink(
  name: string,
  type: '1' | '2',
  linkName: string,
  what: string,
  more?: RawEntry[],
): FileAttack {
  return {
    name,
    what,
    rule: NO_ESCAPE,
    code: 'INVALID_ARCHIVE',
    unseenBy: OF_LAYERS,
    place: asTar(linkedLayer(type, linkName, more)),
  };
}

function badName(name: string, what: string, ...entries: RawEntry[]): FileAttack {
  return { name, what, rule: NO_ESCAPE, code: 'INVALID_ARCHIVE', place: asTar(after(...entries)) };
}

function strayName(name: string, what: string, ...entries: RawEntry[]): FileAttack {
  return {
    ...badName(name, what, ...entries),
    rule: 'nothing is ever unpacked by its name',
    code: 'harmless',
  };
}

/** The prefix of a ustar header is at byte 345. */
function prefix(text: string): (block: Buffer) => void {
  return (block) => void block.write(text, 345, 'latin1');
}

const chain = Array.from(
  { length: 100 },
  (_, place): RawEntry => ({
    name: `link-${place}`,
    type: '2',
    linkName: place === 99 ? 'elsewhere' : `link-${place + 1}`,
  }),
);

export const TAR_LINKS: AttackGroup = {
  title: 'paths and links that leave a tar',
  attacks: [
    badName('name-parent', 'an entry "../pwned"', { name: '../pwned', body: 'x' }),
    badName('name-parent-inside', 'an entry that climbs out from within', {
      name: 'blobs/../../pwned',
      body: 'x',
    }),
    badName('name-parent-folder', 'a directory "../../tmp/"', { name: '../../tmp/', type: '5' }),
    badName(
      'name-parent-pax',
      'a harmless name that a pax header makes "../pwned"',
      paxEntry({ path: '../pwned' }),
      {
        name: 'fine',
        body: 'x',
      },
    ),
    badName(
      'name-parent-gnu',
      'a harmless name that a GNU long name makes "../pwned"',
      { name: '././@LongLink', type: 'L', magic: 'gnu', body: '../pwned\0' },
      { name: 'fine', body: 'x' },
    ),
    badName('name-parent-prefix', 'a ustar prefix of ".."', {
      name: 'pwned',
      body: 'x',
      alter: prefix('..'),
    }),
    badName(
      'name-nul-pax',
      'a name with a NUL, where C programs stop',
      paxEntry({ path: 'fine\0/../../pwned' }),
      {
        name: 'fine',
        body: 'x',
      },
    ),
    strayName('name-absolute', 'an entry "/etc/pwned"', { name: '/etc/pwned', body: 'x' }),
    {
      ...strayName('name-backslash', 'an entry "..\\..\\pwned", a path on Windows', {
        name: '..\\..\\pwned',
        body: 'x',
      }),
      code: 'INVALID_ARCHIVE',
    },
    strayName('name-drive', 'an entry "C:/pwned"', { name: 'C:/pwned', body: 'x' }),
    {
      ...strayName(
        'folder-symlink',
        'a folder that is a link to /tmp, and a file in it: the classic escape of unpackers',
        { name: 'escape', type: '2', linkName: '/tmp' },
        { name: 'escape/lading-pwned', body: 'x' },
      ),
      code: 'INVALID_ARCHIVE',
    },
    strayName('folder-dot-symlink', 'the root as a link (CVE-2021-29136)', {
      name: './root',
      type: '2',
      linkName: '.',
    }),

    badLink('symlink-absolute', '2', '/etc/passwd', 'a layer that is a link to /etc/passwd'),
    badLink('symlink-parent', '2', '../../../secret', 'a layer that is a link out of the archive'),
    badLink('symlink-comes-back', '2', '../../../in/elsewhere', 'a link that climbs out and comes back'),
    badLink('symlink-nowhere', '2', '../../nothing', 'a link to what is not there'),
    badLink('symlink-folder', '2', '../../blobs', 'a link to a folder'),
    badLink('symlink-chain', '2', '../../a', 'a chain of links whose last leads to /etc/passwd', [
      { name: 'a', type: '2', linkName: 'b' },
      { name: 'b', type: '2', linkName: '/etc/passwd' },
    ]),
    badLink('symlink-chain-long', '2', '../../link-0', 'a chain of a hundred links', chain),
    badLink('symlink-itself', '2', LAYER.slice('blobs/sha256/'.length), 'a link to itself'),
    badLink('symlink-circle', '2', '../../a', 'a circle of links', [
      { name: 'a', type: '2', linkName: 'b' },
      { name: 'b', type: '2', linkName: 'a' },
    ]),
    {
      ...badLink('symlink-two-targets', '2', '../../elsewhere', 'a link with two targets', [
        { name: LAYER, type: '2', linkName: '../../oci-layout' },
      ]),
      unseenBy: [],
    },
    {
      ...badLink('symlink-pax', '2', 'fine', 'a link whose pax header leads it out', [
        paxEntry({ linkpath: '/etc/passwd' }),
        { name: LAYER, type: '2', linkName: '../../elsewhere' },
      ]),
      unseenBy: [],
    },
    badLink('hardlink-absolute', '1', '/etc/passwd', 'a layer that is a hard link to /etc/passwd'),
    badLink('hardlink-parent', '1', '../secret', 'a hard link out of the archive'),
    badLink('hardlink-to-symlink', '1', 'a', 'a hard link to a link out of the archive', [
      { name: 'a', type: '2', linkName: '../../etc/passwd' },
    ]),
    {
      name: 'index-symlink',
      what: 'index.json itself as a link to /etc/passwd',
      rule: NO_ESCAPE,
      code: 'INVALID_ARCHIVE',
      place: asTar(() => set(layoutParts(), 'index.json', { type: '2', linkName: '/etc/passwd' })),
    },
    {
      name: 'docker-config-parent',
      what: 'a manifest.json whose Config is "../../etc/passwd"',
      rule: NO_ESCAPE,
      code: 'INVALID_ARCHIVE',
      place: asTar(() => dockerParts({ Config: '../../etc/passwd' })),
    },
    {
      name: 'docker-config-absolute',
      what: 'a manifest.json whose Config is "/etc/passwd"',
      rule: NO_ESCAPE,
      code: 'MISSING_CONTENT',
      place: asTar(() => dockerParts({ Config: '/etc/passwd' })),
    },
    {
      name: 'docker-layer-parent',
      what: 'a manifest.json whose layer is "../secret"',
      rule: NO_ESCAPE,
      code: 'INVALID_ARCHIVE',
      place: asTar(() => dockerParts({ Layers: ['../secret'] })),
    },
    {
      name: 'docker-layer-symlink',
      what: 'a layer of a docker-archive that is a link to /etc/passwd',
      rule: NO_ESCAPE,
      code: 'INVALID_ARCHIVE',
      place: asTar(() => set(dockerParts(), 'layer.tar', { type: '2', linkName: '/etc/passwd' })),
    },
    {
      name: 'docker-layer-hardlink',
      what: 'a layer of a docker-archive that is a hard link out of it',
      rule: NO_ESCAPE,
      code: 'INVALID_ARCHIVE',
      place: asTar(() => set(dockerParts(), 'layer.tar', { type: '1', linkName: '../secret' })),
    },
  ],
};

const NO_FOLLOW = 'in a directory only regular files within it are read, by their real path';

function inFolder(
  name: string,
  what: string,
  change: (folder: string) => Promise<unknown>,
  unseenBy = OF_LAYERS,
): FileAttack {
  return { name, what, rule: NO_FOLLOW, code: 'INVALID_LAYOUT', unseenBy, place: placeFolder(change) };
}

function placeFolder(change: (folder: string) => Promise<unknown>): FileAttack['place'] {
  return async (folder) => {
    for (const { name, body = '' } of layoutParts().values()) {
      await mkdir(join(folder, dirname(name)), { recursive: true });
      await writeFile(join(folder, name), body);
    }
    await change(folder);
    return folder;
  };
}

async function replaceByLink(folder: string, name: string, target: string): Promise<void> {
  await rm(join(folder, name), { recursive: true });
  await symlink(target, join(folder, name));
}

async function replaceByPipe(folder: string, name: string): Promise<void> {
  await rm(join(folder, name));
  await promisify(execFile)('mkfifo', [join(folder, name)]);
}

export const LAYOUT_LINKS: AttackGroup = {
  title: 'links and odd files in a layout directory',
  attacks: [
    inFolder('layer-symlink', 'a layer that is a link to /etc/passwd', (folder) =>
      replaceByLink(folder, LAYER, '/etc/passwd'),
    ),
    inFolder('layer-symlink-sibling', 'a layer that is a link to a file beside the layout', (folder) =>
      replaceByLink(folder, LAYER, '../../../secret'),
    ),
    inFolder('layer-circle', 'a layer that is a link to itself', (folder) =>
      replaceByLink(folder, LAYER, LAYER.slice('blobs/sha256/'.length)),
    ),
    inFolder('layer-device', 'a layer that is a link to /dev/zero', (folder) =>
      replaceByLink(folder, LAYER, '/dev/zero'),
    ),
    inFolder('layer-pipe', 'a layer that is a pipe, for which nobody writes', (folder) =>
      replaceByPipe(folder, LAYER),
    ),
    {
      ...inFolder('index-pipe', 'an index.json that is a pipe', (folder) =>
        replaceByPipe(folder, 'index.json'),
      ),
      unseenBy: [],
    },
    {
      ...inFolder('index-symlink', 'an index.json that is a link out of the layout', (folder) =>
        replaceByLink(folder, 'index.json', '../secret'),
      ),
      unseenBy: [],
    },
    {
      ...inFolder('blobs-symlink', 'a folder of blobs that is a link out of the layout', async (folder) => {
        await rename(join(folder, 'blobs'), join(folder, '../elsewhere'));
        await symlink('../elsewhere', join(folder, 'blobs'));
      }),
      unseenBy: [],
    },
  ],
};
