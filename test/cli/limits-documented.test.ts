import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ARCHIVE_LIMIT_OPTIONS, LIMIT_OPTIONS } from '../../src/cli/options.js';

describe('the flags of limits', () => {
  it('stand in docs/limits.md with their defaults', async () => {
    const limits = await readFile(fileURLToPath(new URL('../../docs/limits.md', import.meta.url)), 'utf8');
    for (const flag of Object.keys({ ...ARCHIVE_LIMIT_OPTIONS, ...LIMIT_OPTIONS }))
      assert.ok(limits.includes(`\`--${flag}\``), flag);
    assert.ok(limits.includes(`| ${LIMIT_OPTIONS['max-ratio'].defaultDescription},`));
  });
});
