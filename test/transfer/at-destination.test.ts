import assert from 'node:assert/strict';
import type { Descriptor } from '../../src/content/descriptor.js';
import { RegistryError } from '../../src/errors.js';
import { createPool } from '../../src/pool.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { OpenContent, Store } from '../../src/store/store.js';
import { copyGraph } from '../../src/transfer/copy.js';
import { headStartStore } from '../../src/transfer/registry/head-start.js';
import { storeOf } from '../support/archives.js';
import { makeImage } from '../support/images.js';
import { brokenOff, overriding } from '../support/openers.js';
import { planCopy } from '../support/plan.js';

const NAME = 'reg.example/team/app:1';
const NEEDED = `; it is needed by ${NAME}`;

describe('the error of a copy', () => {
  let source: Store;
  before(async () => {
    source = await storeOf({ [NAME]: await makeImage({ seed: 'at-destination', layers: [5000] }) });
  });

  const copy = async (from: Partial<Store>, to: Partial<Store>, isEarly = false): Promise<void> => {
    const plan = await planCopy([{ source: overriding(source, from), reference: NAME, name: NAME }]);
    const pool = createPool(8);
    const destination = headStartStore(overriding(createMemoryStore(), to), pool);
    if (isEarly) for (const blob of plan.blobs) destination.begin(blob);
    await copyGraph(plan, destination, { pool, retries: 0 });
  };
  const throwing = (error: Error) => async (): Promise<never> => {
    throw error;
  };

  for (const isEarly of [false, true])
    describe(isEarly ? 'that has sent blobs before all images were read' : 'as a rule', () => {
      for (const code of ['UNREACHABLE', 'UNAUTHORIZED', 'DENIED', 'TOO_MANY_REQUESTS', 'NOT_FOUND'] as const)
        it(`names no image where the destination fails as a whole (${code})`, async () => {
          const failure = new RegistryError(code, 'bucket images: no');
          for (const member of ['push', 'sizeOf'] as const)
            await assert.rejects(copy({}, { [member]: throwing(failure) }, isEarly), {
              code,
              message: 'bucket images: no',
            });
        });

      it('names the image whose content the destination refuses', async () => {
        const failure = new RegistryError('REFUSED', 'blob sha256:1: no', { status: 400 });
        await assert.rejects(copy({}, { push: throwing(failure) }, isEarly), {
          message: `blob sha256:1: no${NEEDED}`,
        });
      });

      it('names the image that the source does not give', async () => {
        const failure = new RegistryError('DENIED', 'blob sha256:1 of reg.example/team/app: no');
        await assert.rejects(copy({ fetch: throwing(failure) }, {}, isEarly), {
          message: `${failure.message}${NEEDED}`,
        });
      });

      it('names the image where the source breaks off', async () => {
        const failure = new RegistryError('TIMEOUT', 'the connection is silent');
        const push = async ({ size }: Descriptor, open: OpenContent): Promise<void> => {
          if (size < 5000) return;
          try {
            for await (const chunk of await open()) assert.ok(chunk);
          } catch {
            throw failure;
          }
        };
        const fetch: Store['fetch'] = async (descriptor, options) =>
          descriptor.size < 5000
            ? source.fetch(descriptor, options)
            : brokenOff(Buffer.from('the beginning'));
        await assert.rejects(copy({ fetch }, { push }, isEarly), { message: `${failure.message}${NEEDED}` });
      });
    });
});
