import assert from 'node:assert/strict';
import type { UploadSession } from '../../../src/registry/client.js';
import { answering, hasBody, refusal } from '../../support/answer-table.js';
import { contentOf, randomBytesFrom } from '../../support/images.js';
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
    [412, 'UNKNOWN'],
    [415, 'UNSUPPORTED'],
    [416, 'RANGE_INVALID'],
    [417, 'UNKNOWN'],
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

  for (const status of [403, 413, 426]) {
    it(`does so after ${status} of what stands before it`, async () => {
      const page = { status, headers: { 'content-type': 'text/html' }, body: '<html>no</html>' };
      const registry = await startRegistry({
        refuse: answering([/^PUT /, (request) => (hasBody(request) ? page : undefined)]),
      });
      await upload(registry.host);
      await assertHeld(registry);
      assert.deepEqual(steps(registry), ['POST', 'PUT', 'HEAD', 'POST', 'PATCH 0-999', 'PUT']);
    });
  }

  for (const answer of [408, 502, 503, 504, 'reset'] as const) {
    it(`does so for ${answer} when it comes again for the same blob, and begins so from then on`, async () => {
      const refused = answer === 'reset' ? answer : refusal(answer);
      const registry = await startRegistry({
        refuse: answering([/^PUT /, (request) => (hasBody(request) ? refused : undefined)]),
      });
      const client = connect();
      let session: UploadSession | undefined;
      const onSession = (state: UploadSession | undefined): void => {
        session = state;
      };
      await assert.rejects(upload(registry.host, BLOB, { onSession }, client));
      assert.equal(session?.isCut, true);
      await upload(registry.host, BLOB, { session, onSession }, client);
      await assertHeld(registry);
      const again = ['GET', 'PUT', 'HEAD', 'POST', 'PATCH 0-999', 'PUT'];
      assert.deepEqual(steps(registry), ['POST', 'PUT', ...again]);
      await upload(registry.host, OTHER, {}, client);
      assert.deepEqual(steps(registry).slice(8), ['POST', 'PATCH 0-1999', 'PUT']);
    });
  }

  for (const status of [200, 202, 204]) {
    it(`does so where it answers with ${status} and has not taken the blob`, async () => {
      const registry = await startRegistry({
        refuse: answering([/^PUT /, (request) => (hasBody(request) ? { status } : undefined)]),
      });
      await upload(registry.host);
      await assertHeld(registry);
      assert.deepEqual(steps(registry), ['POST', 'PUT', 'HEAD', 'HEAD', 'POST', 'PATCH 0-999', 'PUT']);
    });

    it(`fails where it answers with ${status} always and never has the blob`, async () => {
      const registry = await startRegistry({ refuse: answering([/^PUT /, { status }]) });
      await assert.rejects(upload(registry.host), {
        code: 'REGISTRY',
        message: new RegExp(`answered with status ${status} but did not store it`),
      });
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
