import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import { keyOf, NAME, only, useConversions } from './conversions.js';

describe('convert', () => {
  const { path, originals, writeLayout, run } = useConversions();

  describe('of schema1 whose signature does not hold', () => {
    const damaged = async (): Promise<string> => {
      const source = await writeLayout('in', { [NAME]: originals.amd64 });
      await run(source, 'schema1');
      const store = await openPath(path('out-schema1'));
      const root = await store.resolve(NAME);
      const bytes = Buffer.from(await readContent(store, root));
      const signature = bytes.lastIndexOf('"signature": "') + 20;
      bytes.writeUInt8(bytes.readUInt8(signature) === 0x41 ? 0x42 : 0x41, signature);
      const layers = originals.amd64.layers.map((layer) => layer);
      const forged = { manifest: { descriptor: root, bytes }, all: [...layers, { descriptor: root, bytes }] };
      await store.close();
      return writeLayout('forged', { [NAME]: forged });
    };

    it('converts and tells, or refuses where that is asked for', async () => {
      const source = await damaged();
      const { signature, to } = only(await run(source, 'oci'));
      assert.deepEqual(signature, { valid: false });
      assert.equal(to.mediaType, MEDIA_TYPE.ociManifest);
      const refusal = await run(source, 'oci', { verifySignature: true, output: path('refused.tar') }).catch(
        (error: unknown) => error,
      );
      assert.equal(exitCodeOf(refusal), 3);
      assert.deepEqual(
        (await readdir(path())).filter((name) => name.startsWith('refused')),
        [],
      );
      const [found] = (await verify(source)).findings;
      assert.equal(found?.code, 'INVALID_SIGNATURE');
    });

    it('names the key of one that holds', async () => {
      await run(await writeLayout('in', { [NAME]: originals.amd64 }), 'schema1');
      const { signature } = only(await run(path('out-schema1'), 'docker', { verifySignature: true }));
      assert.equal(signature?.valid, true);
      assert.match(signature?.keyId ?? '', /^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
      assert.equal(signature?.keyId, await keyOf(path('out-schema1')));
    });
  });
});
