import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FIND_LIMIT_OPTIONS } from '../../src/cli/find.js';
import { ARCHIVE_LIMIT_OPTIONS, LIMIT_OPTIONS } from '../../src/cli/options.js';
import { DEFAULT_LIMITS } from '../../src/find/limits.js';

describe('the flags of limits', () => {
  it('stand in docs/limits.md with their defaults', async () => {
    const limits = await readFile(fileURLToPath(new URL('../../docs/limits.md', import.meta.url)), 'utf8');
    for (const flag of Object.keys({ ...ARCHIVE_LIMIT_OPTIONS, ...LIMIT_OPTIONS, ...FIND_LIMIT_OPTIONS }))
      assert.ok(limits.includes(`\`--${flag}\``), flag);
    assert.ok(limits.includes(`| ${LIMIT_OPTIONS['max-ratio'].defaultDescription},`));
  });

  it('say in the help of find what the library has', () => {
    const { maxNodes, ...others } = DEFAULT_LIMITS;
    const shown = Object.values(FIND_LIMIT_OPTIONS).map(({ defaultDescription }) =>
      Number(defaultDescription),
    );
    assert.deepEqual(shown.sort(), [maxNodes, ...Object.values(others)].sort());
  });
});
