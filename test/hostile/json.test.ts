import assert from 'node:assert/strict';
import { JSON_DOCUMENTS } from '../support/hostile/json.js';
import { describeAttacks } from '../support/hostile/run.js';

describeAttacks(JSON_DOCUMENTS);

describe('objects of this program', () => {
  it('have got no member from a document', () => {
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });
});
