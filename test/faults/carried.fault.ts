import assert from 'node:assert/strict';
import { createRandom, type Random } from '../fuzz/mutate.js';
import type { FaultProxy } from '../support/fault-proxy.js';
import { type CarryOptions, firstOfEachKind, useCarrier } from './carrier.js';
import { type Ending, FAULTS } from './faults.js';
import { PATIENT, startOwnRegistry } from './rig.js';

/** Runs under faults that a seed chooses. */
const COUNT = Number(process.env.LADING_FAULTS_COUNT ?? 40);
const SEED = Number(process.env.LADING_FAULTS_SEED ?? Date.now() % 2 ** 32);

describe('before a registry of our own', () => {
  const carrier = useCarrier('Before a registry of our own', startOwnRegistry);
  const tasks: readonly [name: string, run: (options?: CarryOptions) => Promise<Ending>][] = [
    ['save to an archive', (options) => carrier.save('universal', options)],
    ['save to a layout', (options) => carrier.save('oci', options)],
    ['load', carrier.load],
  ];

  for (const [task, run] of tasks) {
    describe(`${task} under a fault`, () => {
      for (const fault of FAULTS) {
        it(`${fault.name}, once for each kind of request`, async () => {
          carrier.rig.proxy.faultFor = firstOfEachKind(fault);
          const ending = await run({ run: PATIENT });
          carrier.note(`${fault.name}, once`, ending);
          const { once = ['survived'] } = fault;
          assert.ok(once.includes(ending), ending);
        });

        // The registry's side is the same for both outputs.
        if (task === 'save to a layout') continue;
        it(`${fault.name}, again and again`, async () => {
          carrier.rig.proxy.faultFor = fault.spoil;
          const ending = await run();
          carrier.note(`${fault.name}, always`, ending);
          assert.ok(fault.always.includes(ending), ending);
        });
      }
    });
  }

  describe(`save and load under ${COUNT} combinations of faults with LADING_FAULTS_SEED=${SEED}`, () => {
    for (let number = 0; number < COUNT; number++) {
      const [task, run] = tasks[number % tasks.length] ?? ['', carrier.load];
      it(`${task}, combination ${number}`, async () => {
        const random = createRandom(SEED + number);
        carrier.rig.proxy.faultFor = someOf(random);
        carrier.note('combinations', await run());
      });
    }
  });
});

/** Every request may meet one of a few faults. */
function someOf(random: Random): FaultProxy['faultFor'] {
  const chosen = Array.from({ length: 2 + random.below(4) }, () => random.pick(FAULTS));
  const oneIn = random.pick([3, 6, 12]);
  return (asked) => (random.below(oneIn) === 0 ? random.pick(chosen).spoil(asked) : undefined);
}
