import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import { GraphBudget } from '../../src/manifest/graph-budget.js';

describe('GraphBudget', () => {
  const documentOf = (size: number) => ({ mediaType: 'a/b', digest: digestOf(Buffer.from('a')), size });

  it('ends at a byte more than the documents of an image may have', () => {
    const budget = new GraphBudget({ maxDocumentBytes: 100 });
    budget.takeDocument(documentOf(60));
    budget.takeDocument(documentOf(40));
    assert.throws(() => budget.takeDocument(documentOf(1)), {
      code: 'TOO_LARGE',
      message: /more than 100 bytes/,
    });
  });

  it('has room for an index as large as may be with as many images as may be', () => {
    const budget = new GraphBudget();
    const { digest } = documentOf(0);
    budget.takeDocument(documentOf(4 * 1024 * 1024));
    budget.take(digest, 0, 50_000);
    for (let child = 0; child < 50_000; child++) budget.takeDocument(documentOf(5_000));
    assert.throws(() => budget.take(digest, 0, 1), { code: 'TOO_LARGE' });
    assert.throws(() => new GraphBudget().take(digest, 8, 1), { code: 'INVALID_MANIFEST' });
  });
});
