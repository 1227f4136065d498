import assert from 'node:assert/strict';
import { makeTar, paxEntry, type RawEntry } from '../support/tar-maker.js';
import { text, useTars } from './opening.js';

describe('openTar extensions', () => {
  const { view, refuses } = useTars();

  it('takes long names from GNU headers', async () => {
    const long = `${'d/'.repeat(150)}file`;
    const tar = await view(
      { name: '././@LongLink', type: 'L', body: `${long}\0`, magic: 'gnu' },
      { name: 'short', body: 'x', magic: 'gnu' },
      { name: '././@LongLink', type: 'K', body: `${long}\0`, magic: 'gnu' },
      { name: 'hard', type: '1', linkName: 'short', magic: 'gnu' },
    );
    assert.equal(await text(tar, long), 'x');
    assert.equal(await text(tar, 'hard'), 'x');
  });

  it('takes names, link targets and sizes from pax headers, for one entry only', async () => {
    const tar = await view(
      paxEntry({ path: 'naïve/ü', size: '3', mtime: '1.5' }),
      { name: 'short', size: '00000000000\0', body: 'abc' },
      { name: 'plain', body: 'y' },
      paxEntry({ linkpath: 'naïve/ü' }),
      { name: 'link', type: '2', linkName: 'elsewhere' },
    );
    assert.equal(await text(tar, 'naïve/ü'), 'abc');
    assert.equal(await text(tar, 'plain'), 'y');
    assert.equal(await text(tar, 'link'), 'abc');
  });

  it('passes over a global header that only comments', async () => {
    const tar = await view(paxEntry({ comment: 'a commit' }, 'g'), { name: 'a', body: 'x' });
    assert.equal(await text(tar, 'a'), 'x');
  });

  it('reads the prefix of ustar, and headers older than it', async () => {
    const tar = await view(
      { name: 'file', body: 'x', alter: (block) => block.write('some/prefix', 345) },
      { name: 'old', body: 'y', type: '\0', magic: 'none' },
    );
    assert.equal(await text(tar, 'some/prefix/file'), 'x');
    assert.equal(await text(tar, 'old'), 'y');
  });

  it('reads sizes in base-256', async () => {
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size[11] = 3;
    assert.equal(await text(await view({ name: 'a', size, body: 'abc' }), 'a'), 'abc');
  });

  for (const [what, entries, message] of [
    ['a global header that names entries', [paxEntry({ path: 'x' }, 'g'), { name: 'a' }], /global/],
    [
      'two long names that differ',
      [paxEntry({ path: 'x' }), paxEntry({ path: 'y' }), { name: 'a' }],
      /an extension header precedes another one/,
    ],
    ['a malformed pax header', [{ name: 'p', type: 'x', body: '99 path=a\n' }, { name: 'a' }], /malformed/],
    ['a pax record without a key', [{ name: 'p', type: 'x', body: '5 =a\n' }, { name: 'a' }], /malformed/],
    ['a pax size that is no number', [paxEntry({ size: '1e3' }), { name: 'a' }], /size in its pax header/],
    [
      'a pax header of more than 1 MiB',
      [paxEntry({ comment: 'x'.repeat(1 << 20) }), { name: 'a' }],
      /larger than/,
    ],
    [
      'a name of more than 4096 bytes',
      [paxEntry({ path: 'x'.repeat(4097) }), { name: 'a' }],
      /longer than 4096/,
    ],
    [
      'a GNU name of more than 4096 bytes',
      [{ name: 'L', type: 'L', body: 'x'.repeat(4098) }, { name: 'a' }],
      /longer than 4096/,
    ],
    [
      'a link that states a size',
      [
        { name: 'a' },
        { name: 'hard', type: '1', linkName: 'a', size: '00000001000\0', body: 'x'.repeat(512) },
      ],
      /hard is a link or a device with a body/,
    ],
    [
      'a directory that states a size',
      [{ name: 'd', type: '5', size: '00000001000\0', body: 'x'.repeat(512) }],
      /d is a directory with a body/,
    ],
    ['a long name with no entry after it', [paxEntry({ path: 'x' })], /missing/],
    ['a NUL in a pax name', [paxEntry({ path: 'a\0b' }), { name: 'a' }], /leads out/],
  ] as [string, RawEntry[], RegExp][]) {
    it(`refuses ${what}`, () => refuses(makeTar(...entries), message));
  }
});
