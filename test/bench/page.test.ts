import assert from 'node:assert/strict';
import { readPage, readResults, withFigures } from './page.js';

describe('the figures in docs/performance.md', () => {
  it('are those of the last whole run', async () => {
    const page = await readPage();
    const results = await readResults();
    assert.ok(results.rows.length > 0);
    assert.equal(page, withFigures(page, results), 'npm run bench -- --page writes them');
    const [row] = results.rows;
    assert.ok(row);
    assert.notEqual(page, withFigures(page, { ...results, rows: [{ ...row, work: 'other work' }] }));
  });

  it('have a place that is marked', async () => {
    const results = await readResults();
    assert.throws(() => withFigures('# lading', results), /no place for figures/);
  });
});
