import assert from 'node:assert/strict';
import { scope, splitScopes, unionScopes } from '../../../src/registry/auth/scope.js';

describe('unionScopes', () => {
  it('merges the actions of a resource, sorts, and drops duplicates', () => {
    assert.deepEqual(unionScopes(['repository:b:pull'], ['repository:b:push,pull', 'repository:a:pull']), [
      'repository:a:pull',
      'repository:b:pull,push',
    ]);
  });

  it('lets * stand for every action', () => {
    assert.deepEqual(unionScopes([scope.catalog(), 'registry:catalog:read']), ['registry:catalog:*']);
  });

  it('splits the actions at the last colon, since a name may hold a port', () => {
    assert.deepEqual(unionScopes(['repository:host:5000/app:pull', 'repository:host:5000/app:push']), [
      'repository:host:5000/app:pull,push',
    ]);
  });

  it('keeps what has no actions', () => {
    assert.deepEqual(unionScopes(splitScopes(' aws  repository:a:pull ')), ['aws', 'repository:a:pull']);
  });
});
