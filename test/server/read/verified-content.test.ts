import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, type LayoutReader } from '../../../src/store/layout/layout-reader.js';
import { type Content, contentOf, makeImage, randomBytesFrom } from '../../support/images.js';
import { codesOf, type Served, serve } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';
import { layoutOf } from '../layout-folder.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('verified', 1_000_000));
const path = `/v2/a/blobs/${blob.descriptor.digest}`;

/** The same content with one bit flipped. */
function damaged({ descriptor, bytes }: Content, at = 700_000 % bytes.length): Content {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return { descriptor, bytes: changed };
}

describe('content that was damaged where it lies', () => {
  const folder = useFolder();
  let served: Served;
  let store: LayoutReader;
  let errors: unknown[] = [];
  const serveContents = async (contents: Content[], form: 'directory' | 'tar', manifest?: Content) => {
    errors = [];
    store = await layoutOf(join(folder(), form), { contents, ...(manifest && { manifest }) }, form);
    served = await serve({ a: store }, { onRequest: ({ error }) => void errors.push(error) });
    return served;
  };
  afterEach(async () => {
    await served.close();
    await store.close();
  });

  for (const form of ['directory', 'tar'] as const) {
    it(`is an error before anything is sent where it is a small blob of a ${form}`, async () => {
      const small = contentOf('application/octet-stream', randomBytesFrom('small', 1000));
      const { ask } = await serveContents([damaged(small)], form);
      const reply = await ask(`/v2/a/blobs/${small.descriptor.digest}`);
      assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
    });

    it(`is an error where nothing is left of a blob of a ${form}`, async () => {
      const { ask } = await serveContents([{ ...blob, bytes: Buffer.alloc(0) }], form);
      const reply = await ask(path);
      assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
    });

    it(`never arrives as a whole blob of a ${form}`, async () => {
      const { ask } = await serveContents([damaged(blob)], form);
      for (let round = 0; round < 2; round += 1) {
        const reply = await ask(path);
        assert.deepEqual([reply.status, reply.complete], [200, false]);
        assert.ok(reply.body.length < blob.bytes.length);
      }
      assert.match(String(errors[0]), /has other content/);
    });

    for (const at of [0, blob.bytes.length - 1]) {
      it(`arrives whole at none of many who ask at once where byte ${at} of a blob of a ${form} is wrong`, async () => {
        const { ask } = await serveContents([damaged(blob, at)], form);
        const replies = await Promise.all(Array.from({ length: 16 }, () => ask(path)));
        for (const { status, complete, body } of replies) {
          assert.ok(status === 500 || !complete);
          assert.ok(body.length < blob.bytes.length);
        }
        assert.equal((await ask(path)).complete, false);
      });
    }

    it(`is an error before anything is sent where it is a manifest of a ${form}`, async () => {
      const { manifest, layers, config } = await makeImage({ seed: 3 });
      const { ask } = await serveContents([...layers, config, damaged(manifest)], form, manifest);
      const reply = await ask(`/v2/a/manifests/${manifest.descriptor.digest}`);
      assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
    });
  }

  it('is found out after the blob was sent whole before', async () => {
    const { ask } = await serveContents([blob], 'directory');
    for (let round = 0; round < 2; round += 1) assert.equal((await ask(path)).complete, true);
    await writeFile(join(folder(), 'directory', blobPath(blob.descriptor.digest)), damaged(blob).bytes);
    assert.equal((await ask(path)).complete, false);
    assert.equal((await ask(path)).complete, false);
  });
});
