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
    const compared = pages.map(async (page) => ({
      page,
      now: await pageNow(page, { withRuns: true }),
      kept: await readPage(page),
    }));
    for (const { page, now, kept } of await Promise.all(compared))
      assert.equal(now, kept, `npm run docs writes ${page}`);
  });
});
