import assert from 'node:assert/strict';
import { createKnownBlobs, mountingStore } from '../../src/store/remote/mounting.js';
import { createRemoteStore } from '../../src/store/remote/remote.js';
import { has } from '../../src/store/store.js';
import { answering, refusal, type TableAnswer } from '../support/answer-table.js';
import { openerOf } from '../support/openers.js';
import { BLOB, steps, useUploads } from './upload/uploading.js';

const { startRegistry, connect } = useUploads();
const MOUNT = /^POST .*[?&]mount=/;

/** Pushes a blob that another repository of the registry has, with the retries of a normal run. */
async function push(answer: TableAnswer) {
  const registry = await startRegistry({ refuse: answering([MOUNT, answer]) });
  await registry.repository('base').push(BLOB.descriptor, openerOf(BLOB.bytes));
  const client = connect({ retries: 5 });
  const remote = createRemoteStore(client, { registry: registry.host, repository: 'a/b' });
  const store = mountingStore(remote, 'a/b', createKnownBlobs('base'));
  const pushing = store.push(BLOB.descriptor, openerOf(BLOB.bytes));
  return { registry, pushing };
}

describe('a mount that is not done', () => {
  const kinds: [what: string, answer: TableAnswer][] = [
    ...[400, 401, 403, 404, 405, 406, 409, 416, 422, 500, 501, 502, 504].map(
      (status): (typeof kinds)[number] => [String(status), refusal(status)],
    ),
    ['202 without a Location', { status: 202 }],
    ['200, which says neither', { status: 200 }],
    ['204', { status: 204 }],
  ];
  for (const [what, answer] of kinds) {
    it(`becomes an upload, and is asked for once: ${what}`, async () => {
      const { registry, pushing } = await push(answer);
      await pushing;
      assert.equal(await has(registry.repository('a/b'), BLOB.descriptor), true);
      const asked = steps(registry).filter((step) => step !== 'GET'); // the GET looks up the challenge after a 401
      assert.deepEqual(asked, ['POST', 'POST', 'PUT'], 'a mount, the start of an upload, its end');
    });
  }

  for (const [what, answer] of [
    ['429', refusal(429, 'TOOMANYREQUESTS')],
    ['503', refusal(503)],
    ['a reset', 'reset'],
  ] as const) {
    it(`is the caller's to repeat where it may pass: ${what}`, async () => {
      const { registry, pushing } = await push(answer);
      await assert.rejects(pushing);
      assert.deepEqual(steps(registry), ['POST']);
    });
  }
});
