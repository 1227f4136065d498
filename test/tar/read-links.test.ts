import assert from 'node:assert/strict';
import { makeTar, paxEntry, type RawEntry } from '../support/tar-maker.js';
import { refusesUseOf, text, useTars } from './opening.js';

describe('openTar links', () => {
  const { view, refuses } = useTars();

  it('follows symbolic links from their directory and hard links from the root', async () => {
    const tar = await view(
      { name: 'x/layer.tar', body: 'layer' },
      { name: 'y/layer.tar', type: '2', linkName: '../x/layer.tar' },
      { name: 'z/layer.tar', type: '2', linkName: '../y/./layer.tar' },
      { name: 'w/layer.tar', type: '1', linkName: './x/layer.tar' },
    );
    for (const path of ['x', 'y', 'z', 'w']) assert.equal(await text(tar, `${path}/layer.tar`), 'layer');
    assert.equal((await tar.list()).length, 4);
  });

  for (const [what, entry, message] of [
    [
      'an absolute symbolic link',
      { name: 'bad', type: '2', linkName: '/etc/passwd' },
      /leads out of the archive/,
    ],
    [
      'a symbolic link that climbs out',
      { name: 'bad', type: '2', linkName: '../../etc/passwd' },
      /leads out/,
    ],
    [
      'one that climbs out and comes back',
      { name: 'bad', type: '2', linkName: '../bad/../good' },
      /leads out/,
    ],
    ['a hard link that climbs out', { name: 'bad', type: '1', linkName: '../good' }, /leads out/],
    ['a link to nothing', { name: 'bad', type: '2', linkName: 'gone' }, /a link to gone, which is not/],
    ['a link to itself', { name: 'bad', type: '2', linkName: 'bad' }, /circle/],
    ['a character device', { name: 'bad', type: '3' }, /a device/],
    ['a pipe', { name: 'bad', type: '6' }, /a pipe/],
  ] as [string, RawEntry, RegExp][]) {
    it(`refuses ${what} when it is used, and only then`, async () => {
      const tar = await view(entry, { name: 'good', body: 'fine' });
      await refusesUseOf(tar, 'bad', message);
      assert.equal(await text(tar, 'good'), 'fine');
      assert.deepEqual(await tar.list(), [{ path: 'good', size: 4 }]);
    });
  }

  for (const [what, entry, message] of [
    [
      'a sparse file',
      { name: 'bad', type: 'S', magic: 'gnu', body: 'x' },
      /type "S", which tools read differently/,
    ],
    ['a contiguous file', { name: 'bad', type: '7', body: 'x' }, /type "7", which tools read differently/],
    ['an unknown type', { name: 'bad', type: 'Q', body: 'x' }, /type "Q", which tools read differently/],
    ['a directory with a body', { name: 'bad/', body: 'x' }, /bad is a directory with a body/],
    [
      'a link with the name of a directory',
      { name: 'bad/', type: '2', linkName: 'x' },
      /name of a directory/,
    ],
  ] as [string, RawEntry, RegExp][]) {
    it(`refuses an archive with ${what}, which readers take differently`, () =>
      refuses(makeTar({ name: 'good', body: 'fine' }, entry), message));
  }

  it('refuses a sparse file described by a pax header', () =>
    refuses(
      makeTar(paxEntry({ 'GNU.sparse.major': '1', 'GNU.sparse.name': 'real' }), {
        name: 'GNUSparseFile.0/real',
        body: 'map',
      }),
      /describes a sparse file \(GNU.sparse.major\)/,
    ));

  it('refuses circles and long chains of links', async () => {
    const chain = Array.from({ length: 100 }, (_, i) => ({
      name: `l${i}`,
      type: '2',
      linkName: `l${i + 1}`,
    }));
    const tar = await view(
      { name: 'a', type: '2', linkName: 'b' },
      { name: 'b', type: '2', linkName: 'a' },
      ...chain,
      { name: 'l100', body: 'x' },
    );
    await refusesUseOf(tar, 'a', /circle/);
    await refusesUseOf(tar, 'l0', /chain/);
    assert.equal(await text(tar, 'l90'), 'x');
  });
});
