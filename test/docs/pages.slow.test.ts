import assert from 'node:assert/strict';
import { needs } from '../support/needs.js';
import { listPages, pageNow, readPage } from './pages.js';

describe('what the pages show is what is printed', () => {
  before(function () {
    needs(this, 'tmux', 'curl');
  });

  it('in each of them', async function () {
    this.timeout(180_000);
    const pages = await listPages();
    assert.ok(pages.includes('README.md'));
    for (const page of pages)
      assert.equal(
        await pageNow(page, { withRuns: true }),
        await readPage(page),
        `npm run docs writes ${page}`,
      );
  });
});
