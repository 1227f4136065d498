import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultProxy } from '../support/fault-proxy.js';
import { type Ending, kindOf, type NamedFault } from './faults.js';
import {
  blobsAsked,
  type Format,
  isSame,
  loadThrough,
  type Registry,
  type Rig,
  type RunOptions,
  requireLoaded,
  saveThrough,
  startRig,
} from './rig.js';

/** Runs commands through a registry that fails, and proves that nothing is lost by it. */
export interface Carrier {
  readonly rig: Rig;
  /** Saves through the proxy as it is, then without faults: what was done stays done, and the result is the same. */
  save(format: Format, options?: CarryOptions): Promise<Ending>;
  /** Loads through the proxy as it is, then without faults: everything arrives, and the tag means it. */
  load(options?: CarryOptions): Promise<Ending>;
  /** Counts an ending for the table. */
  note(fault: string, ending: Ending): void;
}

export interface CarryOptions {
  /** Stands before the same registry; default that of the rig. */
  proxy?: FaultProxy;
  /** What an undisturbed run through it saves, since names of images are in there. */
  undisturbed?: string;
  run?: RunOptions;
}

/** A carrier for the tests of the suite; the table is printed after them. */
export function useCarrier(
  title: string,
  startRegistry: () => Promise<Registry>,
  image: { layers?: number[] } = {},
): Carrier {
  const endings = new Map<string, Map<Ending, number>>();
  let rig: Rig | undefined;
  let folder: string;
  let runs = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-faults-'));
    rig = await startRig(folder, await startRegistry(), image);
  });
  after(async () => {
    if (rig === undefined) return; // skipped
    await rig.stop();
    await rm(folder, { recursive: true, force: true });
    console.log(`\n  ${title}`);
    for (const [name, counts] of endings)
      console.log(
        `  ${name.padEnd(38)}${[...counts].map(([ending, count]) => `${ending} ${count}`).join(', ')}`,
      );
  });

  const carrier: Carrier = {
    get rig() {
      assert.ok(rig, 'only there in tests');
      return rig;
    },

    async save(format, options = {}) {
      const { proxy = carrier.rig.proxy, undisturbed = carrier.rig.undisturbed[format], run } = options;
      const output = join(folder, `${++runs}${format === 'oci' ? '' : '.tar'}`);
      const { ending, done } = await saveThrough(proxy, output, format, run);
      if (ending !== 'survived') {
        if (format === 'universal')
          assert.equal(existsSync(output), false, 'a failed save leaves nothing under the final name');
        endFaults(proxy);
        const again = await saveThrough(proxy, output, format, run);
        assert.equal(again.ending, 'survived');
        assert.deepEqual(
          blobsAsked(proxy).filter((digest) => done.has(digest)),
          [],
          'fetched again',
        );
      }
      assert.ok(await isSame(output, undisturbed), 'not what an undisturbed run saves');
      await rm(output, { recursive: true });
      return ending;
    },

    async load({ proxy = carrier.rig.proxy, run } = {}) {
      const prefix = `run-${++runs}`;
      const input = carrier.rig.undisturbed.universal;
      const ending = await loadThrough(proxy, input, prefix, run);
      if (ending !== 'survived') {
        endFaults(proxy);
        assert.equal(await loadThrough(proxy, input, prefix, run), 'survived');
      }
      await requireLoaded(carrier.rig, `${prefix}/team/app`);
      return ending;
    },

    note(fault, ending) {
      const counts = endings.get(fault) ?? new Map<Ending, number>();
      endings.set(fault, counts.set(ending, (counts.get(ending) ?? 0) + 1));
    },
  };
  return carrier;
}

function endFaults(proxy: FaultProxy): void {
  proxy.faultFor = () => undefined;
  proxy.refusesConnection = () => false;
  proxy.passed.length = 0;
}

/** The fault for the first request of each kind; nothing for the others. */
export function firstOfEachKind({ spoil }: NamedFault): FaultProxy['faultFor'] {
  const met = new Set<string>();
  return (asked) => {
    const kind = kindOf(asked);
    if (met.has(kind) && !asked.path.startsWith('/token')) return undefined;
    const fault = spoil(asked);
    if (fault !== undefined) met.add(kind);
    return fault;
  };
}
