import assert from 'node:assert/strict';
import { type CarryOptions, firstOfEachKind, useCarrier } from './carrier.js';
import { type Ending, FAULTS, type NamedFault } from './faults.js';
import { PATIENT, startOwnRegistry } from './rig.js';

/** Above the size from which a blob comes over a connection of its own, past the HTTP library. */
const LARGE = 34 * 1024 * 1024;
const MIDDLE = 20 * 1024 * 1024;

const inTheMiddle = (name: string, fault: ReturnType<NamedFault['spoil']>): NamedFault => ({
  name,
  spoil: ({ method, path }) => (method === 'GET' && path.includes('/blobs/') ? fault : undefined),
  always: ['CUT_SHORT', 'UNREACHABLE', 'TIMEOUT'],
});

describe('a large layer', () => {
  const carrier = useCarrier('A large layer', startOwnRegistry, { layers: [LARGE] });
  const save = (options?: CarryOptions): Promise<Ending> => carrier.save('oci', options);

  for (const fault of [
    inTheMiddle('cut in the middle', { cutAnswerAfter: MIDDLE }),
    inTheMiddle('reset in the middle', { resetAnswerAfter: MIDDLE }),
    inTheMiddle('stall in the middle', { stall: { afterBytes: MIDDLE } }),
    ...FAULTS.filter(({ name }) => name !== 'slow'), // too slow for so much
  ]) {
    it(`is saved under ${fault.name}, once for each kind of request`, async () => {
      carrier.rig.proxy.faultFor = firstOfEachKind(fault);
      const ending = await save({ run: PATIENT });
      carrier.note(`${fault.name}, once`, ending);
      const { once = ['survived'] } = fault;
      assert.ok(once.includes(ending), ending);
    });
  }
});
