import assert from 'node:assert/strict';
import { answering, hasBody, refusal } from '../support/answer-table.js';
import { contentOf, randomBytesFrom } from '../support/images.js';
import { assertHeld, BLOB, steps, useUploads } from './uploading.js';

const { startRegistry, connect, upload } = useUploads();
const OTHER = contentOf('application/octet-stream', randomBytesFrom('another blob', 2000));

describe('an upload to a registry that takes no body with PUT', () => {
  const kinds: [status: number, code: string][] = [
    [400, 'BLOB_UPLOAD_INVALID'],
    [400, 'DIGEST_INVALID'],
    [400, 'SIZE_INVALID'],
    [404, 'BLOB_UNKNOWN'],
    [404, 'BLOB_UPLOAD_UNKNOWN'],
    [406, 'UNSUPPORTED'],
    [411, 'UNKNOWN'],
    [415, 'UNSUPPORTED'],
    [422, 'UNKNOWN'],
  ];
  for (const [status, code] of kinds) {
    it(`sends the bytes by PATCH after ${status} ${code}, and those of the next blob at once`, async () => {
      const registry = await startRegistry({
        refuse: answering([/^PUT /, (request) => (hasBody(request) ? refusal(status, code) : undefined)]),
      });
      const client = connect();
      await upload(registry.host, BLOB, {}, client);
      await assertHeld(registry);
      assert.deepEqual(steps(registry), ['POST', 'PUT', 'HEAD', 'POST', 'PATCH 0-999', 'PUT']);
      await upload(registry.host, OTHER, {}, client);
      assert.deepEqual(steps(registry).slice(6), ['POST', 'PATCH 0-1999', 'PUT']);
    });
  }

  it('does so for 500 when it comes again, since one may pass', async () => {
    const registry = await startRegistry({
      refuse: answering([/^PUT /, (request) => (hasBody(request) ? refusal(500) : undefined)]),
    });
    const client = connect();
    await assert.rejects(upload(registry.host, BLOB, {}, client), { status: 500 });
    await upload(registry.host, BLOB, {}, client);
    await assertHeld(registry);
    assert.deepEqual(steps(registry), ['POST', 'PUT', 'POST', 'PUT', 'HEAD', 'POST', 'PATCH 0-999', 'PUT']);
  });

  it('tries the other way once: what is refused there too is an error', async () => {
    for (const code of ['DIGEST_INVALID', 'BLOB_UPLOAD_INVALID']) {
      const registry = await startRegistry({ refuse: answering([/^PUT /, refusal(400, code)]) });
      await assert.rejects(upload(registry.host), {
        code: code === 'DIGEST_INVALID' ? 'DIGEST_MISMATCH' : 'REFUSED',
      });
      assert.equal(steps(registry).filter((step) => step === 'PUT').length, 2);
    }
  });

  for (const status of [401, 403, 429, 503, 507]) {
    it(`does not take ${status} for a refusal of the body`, async () => {
      const registry = await startRegistry({ refuse: answering([/^PUT /, refusal(status, 'DENIED')]) });
      await assert.rejects(upload(registry.host), { status });
      assert.equal(steps(registry).filter((step) => step === 'POST').length, 1);
    });
  }
});
