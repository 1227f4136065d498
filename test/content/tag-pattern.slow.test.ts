import assert from 'node:assert/strict';
import { parseTagSelector } from '../../src/content/tag-pattern.js';

describe('a selection of the tags of a stranger', () => {
  it('takes a moment for 100,000 tags of strange shapes', () => {
    const tags = Array.from(
      { length: 100_000 },
      (_, place) =>
        [
          `1.${place}`,
          `v${place}-rc.${place}`,
          `${'1.'.repeat(60)}${place}`,
          `${'a-'.repeat(50)}${place}`,
          '-'.repeat(128),
        ][place % 5] ?? '',
    );
    const started = performance.now();
    const taken = parseTagSelector('{*, newest 3, match /^(.*)*[0-9a-]*$/, not /(a|aa)+$/}').select(tags);
    assert.equal(taken.length, 9);
    assert(performance.now() - started < 5000);
  });
});
