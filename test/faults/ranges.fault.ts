import assert from 'node:assert/strict';
import { createPool } from '../../src/pool.js';
import { createRegistryClient } from '../../src/registry/client.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { createRemoteSource } from '../../src/store/remote/remote-source.js';
import { copyGraph } from '../../src/transfer/copy.js';
import { Line } from '../../src/transfer/ranges/line.js';
import { readAll } from '../support/openers.js';
import { planCopy } from '../support/plan.js';
import { useFolder } from '../support/temporary.js';
import { useCarrier } from './carrier.js';
import { type Ending, FAULTS, type NamedFault } from './faults.js';
import { endingOf, startOwnRegistry } from './rig.js';

const KIB = 1024;
const LAYER = 3 * KIB * KIB;
/** With the pauses of the proxy, a connection takes 100 ms or more for the layer, so that others can join it. */
const SLOWLY = { dripBytes: 64 * KIB };

describe('a layer over several connections', () => {
  const carrier = useCarrier('Over several connections', startOwnRegistry, { layers: [LAYER] });
  const path = useFolder();
  let runs = 0;

  /** Copies everything into a layout while one of the requests for ranges meets the fault. */
  async function save(fault: NamedFault, number: number): Promise<{ ending: Ending; met: number }> {
    const { proxy, index } = carrier.rig;
    let ranges = 0;
    let met = 0;
    proxy.faultFor = (asked) => {
      if (asked.path.startsWith('/token')) return fault.spoil(asked);
      if (asked.method !== 'GET' || !asked.path.includes('/blobs/')) return undefined;
      const isMeant = asked.headers.range !== undefined && ++ranges === number;
      if (isMeant) met++;
      return { ...SLOWLY, ...(isMeant && fault.spoil(asked)) };
    };
    const client = createRegistryClient({
      plainHTTP: true,
      environment: {},
      stallTimeoutMs: 300,
      concurrency: 4,
    });
    const pool = createPool(4);
    const line = new Line(pool, {
      limits: {
        minBytes: 256 * KIB,
        pieceBytes: 256 * KIB,
        windowBytes: 2048 * KIB,
        intervalMs: 5,
        narrowBytesPerSecond: Number.POSITIVE_INFINITY,
        patienceMs: 500,
      },
    });
    // Whether a second connection helps is not what is tested here.
    line.found(proxy.host, 'narrow');
    const layout = await openLayoutForWriting(path(`${++runs}`));
    try {
      const ending = await endingOf(async () => {
        const source = createRemoteSource(client, { registry: proxy.host, repository: 'team/app' });
        const plan = await planCopy([{ source, reference: '1', name: 'app:1' }]);
        await copyGraph(plan, layout, { pool, line });
      });
      if (ending === 'survived')
        for (const { descriptor, bytes } of index.all)
          assert.ok(
            (await readAll(layout, descriptor)).equals(bytes),
            `wrong content of ${descriptor.digest}`,
          );
      return { ending, met };
    } finally {
      await layout.close();
      await client.close();
    }
  }

  for (const fault of FAULTS.filter(({ name }) => name !== 'slow')) // slower than its pauses
    it(`is saved under ${fault.name} of one of them`, async () => {
      const { ending, met } = await save(fault, 2);
      carrier.note(fault.name, ending);
      assert.equal(met, 1, 'no such range was requested');
      assert.equal(ending, 'survived');
    });
});
