import assert from 'node:assert/strict';
import { readReadme, readResults, withFigures } from './readme.js';

describe('the figures in the README', () => {
  it('are those of the last whole run', async () => {
    const readme = await readReadme();
    const results = await readResults();
    assert.ok(results.rows.length > 0);
    assert.equal(readme, withFigures(readme, results), 'npm run bench -- --readme writes them');
    const [row] = results.rows;
    assert.ok(row);
    assert.notEqual(readme, withFigures(readme, { ...results, rows: [{ ...row, work: 'other work' }] }));
  });

  it('have a place that is marked', async () => {
    const results = await readResults();
    assert.throws(() => withFigures('# lading', results), /no place for figures/);
  });
});
