import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom, type Random } from '../fuzz/mutate.js';
import type { FaultProxy } from '../support/fault-proxy.js';
import { type Ending, FAULTS, kindOf, type NamedFault } from './faults.js';
import {
  blobsAsked,
  type Format,
  isSame,
  loadThrough,
  type Rig,
  requireLoaded,
  saveThrough,
  startRig,
} from './rig.js';

/** Runs under faults that a seed chooses. */
const COUNT = Number(process.env.LADING_FAULTS_COUNT ?? 40);
const SEED = Number(process.env.LADING_FAULTS_SEED ?? Date.now() % 2 ** 32);

let rig: Rig;
let folder: string;
let runs = 0;
const figures = new Map<string, Map<string, number>>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-faults-'));
  rig = await startRig(folder);
});
after(async () => {
  await rig.stop();
  await rm(folder, { recursive: true, force: true });
  for (const [name, endings] of figures)
    console.log(
      `  ${name.padEnd(34)}${[...endings].map(([ending, count]) => `${ending} ${count}`).join(', ')}`,
    );
});

function note(name: string, ending: Ending): void {
  const endings = figures.get(name) ?? new Map<string, number>();
  figures.set(name, endings.set(ending, (endings.get(ending) ?? 0) + 1));
}

/** Saves through the proxy as it is, then without faults: what was done stays done, and the result is the same. */
async function carriesSave(format: Format): Promise<Ending> {
  const output = join(folder, `${++runs}${format === 'oci' ? '' : '.tar'}`);
  const { ending, done } = await saveThrough(rig.proxy, output, format);
  if (ending !== 'survived') {
    if (format === 'universal')
      assert.equal(existsSync(output), false, 'a failed save leaves nothing under the final name');
    rig.proxy.faultFor = () => undefined;
    rig.proxy.passed.length = 0;
    const again = await saveThrough(rig.proxy, output, format);
    assert.equal(again.ending, 'survived');
    assert.deepEqual(
      blobsAsked(rig.proxy).filter((digest) => done.has(digest)),
      [],
      'fetched again',
    );
  }
  assert.ok(await isSame(output, rig.undisturbed[format]), 'not what an undisturbed run saves');
  await rm(output, { recursive: true });
  return ending;
}

async function carriesLoad(): Promise<Ending> {
  const prefix = `run-${++runs}`;
  const ending = await loadThrough(rig.proxy, rig.undisturbed.universal, prefix);
  if (ending !== 'survived') {
    rig.proxy.faultFor = () => undefined;
    assert.equal(await loadThrough(rig.proxy, rig.undisturbed.universal, prefix), 'survived');
  }
  await requireLoaded(rig, `${prefix}/team/app`);
  return ending;
}

function firstOfEachKind({ spoil }: NamedFault): FaultProxy['faultFor'] {
  const met = new Set<string>();
  return (asked) => {
    const kind = kindOf(asked);
    if (met.has(kind) && !asked.path.startsWith('/token')) return undefined;
    const fault = spoil(asked);
    if (fault !== undefined) met.add(kind);
    return fault;
  };
}

const TASKS: readonly [name: string, run: () => Promise<Ending>][] = [
  ['save to an archive', () => carriesSave('universal')],
  ['save to a layout', () => carriesSave('oci')],
  ['load', carriesLoad],
];

for (const [task, run] of TASKS) {
  describe(`${task} under a fault`, () => {
    for (const fault of FAULTS) {
      it(`${fault.name}, once for each kind of request`, async () => {
        rig.proxy.faultFor = firstOfEachKind(fault);
        const ending = await run();
        note(`${fault.name}, once`, ending);
        const { once = ['survived'] } = fault;
        assert.ok(once.includes(ending), ending);
      });

      // The registry's side is the same for both outputs.
      if (task === 'save to a layout') continue;
      it(`${fault.name}, again and again`, async () => {
        rig.proxy.faultFor = fault.spoil;
        const ending = await run();
        note(`${fault.name}, always`, ending);
        assert.ok(fault.always.includes(ending), ending);
      });
    }
  });
}

describe(`save and load under ${COUNT} combinations of faults with LADING_FAULTS_SEED=${SEED}`, () => {
  for (let number = 0; number < COUNT; number++) {
    const [task, run] = TASKS[number % TASKS.length] ?? ['', carriesLoad];
    it(`${task}, combination ${number}`, async () => {
      const random = createRandom(SEED + number);
      rig.proxy.faultFor = someOf(random);
      note('combinations', await run());
    });
  }
});

/** Every request may meet one of a few faults. */
function someOf(random: Random): FaultProxy['faultFor'] {
  const chosen = Array.from({ length: 2 + random.below(4) }, () => random.pick(FAULTS));
  const oneIn = random.pick([3, 6, 12]);
  return (asked) => (random.below(oneIn) === 0 ? random.pick(chosen).spoil(asked) : undefined);
}
