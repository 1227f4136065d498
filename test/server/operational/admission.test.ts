import assert from 'node:assert/strict';
import { createAdmission } from '../../../src/server/operational/admission.js';

describe('the places for requests', () => {
  let nowMs: number;
  let cut: string[];
  beforeEach(() => {
    nowMs = 0;
    cut = [];
  });

  const placesOf = (limits: { maxRequests?: number; maxUploads?: number; clientShare?: number } = {}) =>
    createAdmission({ maxRequests: 100, maxUploads: 4, clientShare: 50, now: () => nowMs, ...limits });
  const entering = (name: string, moved = 0, kind: 'requests' | 'uploads' = 'uploads') => ({
    kind,
    client: name.split('-')[0] ?? '',
    moved: () => moved,
    cut: () => void cut.push(name),
  });
  const full = { code: 'TOOMANYREQUESTS', message: 'the server has too many concurrent uploads' };

  it('are given up by the slowest upload of a client with more, when all are taken', () => {
    const admission = placesOf();
    for (const [name, moved] of [
      ['a-1', 500],
      ['a-2', 100],
      ['b-1', 0],
      ['b-2', 1e9],
    ] as const)
      admission.enter(entering(name, moved));
    nowMs = 31_000;
    admission.enter(entering('c-1'));
    assert.deepEqual(cut, ['b-1']);
    assert.deepEqual(admission.underWay, { requests: 4, uploads: 4 });
    assert.throws(() => admission.enter(entering('c-2')), full); // c has one now, and no client has three
  });

  it('are kept by uploads that are new, or move, or wait for the server', () => {
    const admission = placesOf();
    admission.enter(entering('a-1', 32_000));
    admission.enter(entering('a-2', Number.POSITIVE_INFINITY));
    nowMs = 10_000;
    admission.enter(entering('b-1'));
    admission.enter(entering('b-2'));
    nowMs = 31_000;
    assert.throws(() => admission.enter(entering('c-1')), full);
    assert.deepEqual(cut, []);
  });

  it('are given back once, by an upload too that gave way', () => {
    const admission = placesOf();
    const leave = admission.enter(entering('a-1'));
    for (const name of ['a-2', 'b-1', 'b-2']) admission.enter(entering(name, 1e9));
    nowMs = 31_000;
    admission.enter(entering('c-1', 1e9));
    assert.deepEqual(cut, ['a-1']);
    leave();
    leave();
    assert.deepEqual(admission.underWay, { requests: 4, uploads: 4 });
    assert.throws(() => admission.enter(entering('d-1')), full);
  });

  it('are given up by answers that nobody reads, to whoever asks', () => {
    const admission = placesOf({ maxRequests: 4 });
    for (const name of ['a-1', 'a-2', 'b-1', 'b-2']) admission.enter(entering(name, 1, 'requests'));
    assert.throws(() => admission.enter(entering('c-1', 0, 'requests')), {
      code: 'UNAVAILABLE',
      status: 503,
    });
    nowMs = 31_000;
    admission.enter(entering('c-1', 0, 'requests'));
    assert.deepEqual(cut, ['a-1']);
  });
});
