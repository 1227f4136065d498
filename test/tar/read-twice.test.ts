import assert from 'node:assert/strict';
import { refusesUseOf, text, useTars } from './opening.js';

describe('openTar names that occur twice', () => {
  const { view } = useTars();

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

  it('refuses different sizes, and different bytes behind a link', async () => {
    const tar = await view(
      { name: 'a', body: 'one' },
      { name: 'a', body: 'longer' },
      { name: 'l', type: '2', linkName: 'a' },
    );
    await refusesUseOf(tar, 'l', /twice with different bytes/);
  });

  it('refuses a file that is also a link, and a link with two targets', async () => {
    const tar = await view(
      { name: 'a', body: 'one' },
      { name: 'a', type: '2', linkName: 'b' },
      { name: 'b', body: 'one' },
      { name: 'l', type: '2', linkName: 'a' },
      { name: 'l', type: '2', linkName: 'b' },
      { name: 'd/', type: '5' },
      { name: 'd', body: 'a file' },
    );
    await refusesUseOf(tar, 'a', /different kinds/);
    await refusesUseOf(tar, 'l', /something else/);
    await refusesUseOf(tar, 'd', /different kinds/);
  });
});
