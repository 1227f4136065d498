import assert from 'node:assert/strict';
import { makeTar, type RawEntry } from '../support/tar-maker.js';
import { refusesUseOf, text, useTars } from './opening.js';

describe('openTar names that occur twice', () => {
  const { view, refuses } = useTars();

  it('accepts the same bytes', async () => {
    const body = Buffer.alloc(600_000, 'same');
    const tar = await view({ name: 'a', body }, { name: './a', body });
    assert.equal(await tar.size('a'), body.length);
    assert.equal((await tar.list()).length, 1);
  });

  it('refuses different bytes when the name is used', async () => {
    const tar = await view(
      { name: 'a', body: 'one' },
      { name: 'a', body: 'two' },
      { name: 'b', body: 'fine' },
    );
    await refusesUseOf(tar, 'a', /twice with different bytes/);
    assert.equal(await text(tar, 'b'), 'fine');
  });

  it('refuses different bytes behind a link', async () => {
    const tar = await view(
      { name: 'a', body: 'one' },
      { name: 'a', body: 'two' },
      { name: 'l', type: '2', linkName: 'a' },
    );
    await refusesUseOf(tar, 'l', /twice with different bytes/);
  });

  for (const [what, entries, message] of [
    [
      'different sizes',
      [
        { name: 'a', body: 'one' },
        { name: 'a', body: 'longer' },
      ],
      /holds a twice/,
    ],
    [
      'a file that is also a link',
      [
        { name: 'a', body: 'x' },
        { name: 'a', type: '2', linkName: 'b' },
      ],
      /different kinds have the name a/,
    ],
    [
      'a link with two targets',
      [
        { name: 'l', type: '2', linkName: 'a' },
        { name: 'l', type: '2', linkName: 'b' },
      ],
      /links with different targets have the name l/,
    ],
    [
      'a folder that is also a file',
      [
        { name: 'd/', type: '5' },
        { name: 'd', body: 'x' },
      ],
      /different kinds/,
    ],
    [
      'an entry beneath a file',
      [
        { name: 'a/b', body: 'x' },
        { name: 'a', body: 'x' },
      ],
      /a\/b is below a,/,
    ],
    [
      'an entry far beneath a link',
      [
        { name: 'a', type: '2', linkName: 'b' },
        { name: 'a/b/c', body: 'x' },
      ],
      /is below a, which is a link/,
    ],
    ['a backslash that could be a slash', [{ name: 'a/b' }, { name: 'a\\b' }], /as the same name/],
    [
      'a backslash that leads out',
      [{ name: '..\\b' }],
      /leads out of the archive if a backslash is read as a slash/,
    ],
    ['composed and decomposed characters', [{ name: '\u00e9' }, { name: 'e\u0301' }], /as the same name/],
  ] as [string, RawEntry[], RegExp][]) {
    it(`refuses ${what} when the archive is opened`, () => refuses(makeTar(...entries), message));
  }

  it('accepts a lone backslash, and folders that are named again', async () => {
    const tar = await view(
      { name: 'd/', type: '5' },
      { name: 'd/a', body: 'x' },
      { name: './d', type: '5' },
      { name: 'a\\b', body: 'y' },
    );
    assert.equal(await text(tar, 'd/a'), 'x');
    assert.equal(await text(tar, 'a\\b'), 'y');
  });
});
