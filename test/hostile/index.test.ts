import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fixturePath } from '../support/fixtures.js';
import { describeGroups, GROUPS } from '../support/hostile/groups.js';

describe('the index of hostile archives', () => {
  it('has every attack, as it is', async () => {
    const path = fixturePath('hostile/README.md');
    assert.equal(
      await readFile(path, 'utf8'),
      describeGroups(),
      'make it anew: node --import tsx test/support/hostile/make.ts',
    );
  });

  it('has each name once in its group', () => {
    for (const { attacks } of GROUPS)
      assert.equal(new Set(attacks.map(({ name }) => name)).size, attacks.length);
  });
});
