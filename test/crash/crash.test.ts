import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { isInstalled } from '../support/needs.js';
import type { Passed } from '../support/programs/throttling-proxy.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Lane, openLanes, SLOW } from './lane.js';
import { printTable } from './report.js';
import { blobBytes, type Ended, movedBlobs, type Place, SCENARIOS, type Scenario } from './scenarios.js';

/** All scenarios together; each has an equal share. */
const COUNT = Number(process.env.LADING_CRASH_COUNT ?? 200);
const SEED = Number(process.env.LADING_CRASH_SEED ?? Date.now() % 2 ** 32);
const LANES = 2;
/** A run that is killed may be killed again before it is let finish, at most so often in all. */
const MAX_KILLS_IN_A_ROW = 3;
/** A lock of a dead process that is not taken over at once would hold a run up for longer. */
const LAST_RUN_MS = 20_000;
/** Every how many kills skopeo reads what is there. */
const SKOPEO_EVERY = 4;
const MAX_CONFIG_BYTES = 10_000;

interface Figures {
  command: string;
  kills: number;
  resumed: number;
  'bytes twice': number;
  losses: number;
}

interface Undisturbed {
  durationMs: number;
  bytes: number;
  result: unknown;
}

describe(`commands that are killed, ${COUNT} times with LADING_CRASH_SEED=${SEED}`, () => {
  const rows: Figures[] = [];
  const random = createRandom(SEED);
  let lanes: Lane[];
  let folder: string;
  let places = 0;

  before(async () => {
    lanes = await openLanes(LANES);
    folder = await temporaryFolder('crash');
  });
  after(() => printTable('Killed with SIGKILL', rows));

  for (const scenario of SCENARIOS) {
    it(`${scenario.title}: nothing half-written is visible, and the same command finishes`, async () => {
      const row = { command: scenario.title, kills: 0, resumed: 0, 'bytes twice': 0, losses: 0 };
      rows.push(row);
      const share = Math.ceil(COUNT / SCENARIOS.length);
      await allEnded(
        lanes.map(async (lane) => {
          // In each lane: the names of images tell its port.
          const undisturbed = await measure(scenario, await newPlace(scenario, lane));
          while (row.kills < share && row.losses === 0)
            await survive(scenario, lane, undisturbed, row, random);
        }),
      );
    });
  }

  async function newPlace(scenario: Scenario, lane: Lane): Promise<Place> {
    places += 1;
    const place = { lane, folder: join(folder, String(places)), name: `place-${places}` };
    await mkdir(place.folder);
    await scenario.prepare?.(place);
    return place;
  }

  async function measure(scenario: Scenario, place: Place): Promise<Undisturbed> {
    const proxy = scenario.proxy(place.lane);
    proxy.passed.length = 0;
    proxy.bytesPerSecond = SLOW;
    const start = performance.now();
    const { ended } = await scenario.start(place);
    assertSucceeded(scenario, await ended);
    const durationMs = performance.now() - start;
    const bytes = blobBytes(proxy.passed);
    assert.ok(bytes > 0, 'nothing went through the proxy');
    await scenario.check(place, { skopeo: isInstalled('skopeo') });
    const result = await scenario.result(place);
    await rm(place.folder, { recursive: true });
    return { durationMs, bytes, result };
  }

  async function survive(
    scenario: Scenario,
    lane: Lane,
    undisturbed: Undisturbed,
    row: Figures,
    random: Random,
  ): Promise<void> {
    const place = await newPlace(scenario, lane);
    const proxy = scenario.proxy(lane);
    const moments: number[] = [];
    const finished = new Set<string>();
    let bytes = 0;
    try {
      const kills = 1 + random.below(MAX_KILLS_IN_A_ROW);
      for (let kill = 0; kill < kills; kill += 1) {
        proxy.passed.length = 0;
        proxy.bytesPerSecond = SLOW;
        const momentMs = random.below(Math.ceil(undisturbed.durationMs));
        moments.push(momentMs);
        const { code, done } = await killAfter(momentMs, scenario, place);
        assertNotAgain(proxy.passed, finished);
        bytes += blobBytes(proxy.passed);
        const skopeo = isInstalled('skopeo') && row.kills % SKOPEO_EVERY === 0;
        for (const digest of [...(await scenario.check(place, { skopeo })), ...done]) finished.add(digest);
        if (code === 0) break; // it was faster than the kill
        row.kills += 1;
        if (await scenario.isFinished?.(place)) return;
      }
      if (await scenario.isFinished?.(place)) return;
      proxy.passed.length = 0;
      proxy.bytesPerSecond = Number.POSITIVE_INFINITY;
      const start = performance.now();
      const { ended } = await scenario.start(place);
      assertSucceeded(scenario, await ended);
      assert.ok(performance.now() - start < LAST_RUN_MS, 'the last run was held up');
      assertNotAgain(proxy.passed, finished);
      bytes += blobBytes(proxy.passed);
      await scenario.check(place, { skopeo: isInstalled('skopeo') });
      assert.deepEqual(await scenario.result(place), undisturbed.result);
      row.resumed += 1;
      row['bytes twice'] += Math.max(0, bytes - undisturbed.bytes);
      await rm(place.folder, { recursive: true });
    } catch (error) {
      row.losses += 1;
      const said = error instanceof Error ? error.message : String(error);
      throw new Error(`killed after ${moments.join(', ')} ms: ${said}`, { cause: error });
    }
  }
});

async function killAfter(momentMs: number, scenario: Scenario, place: Place): Promise<Ended> {
  const run = await scenario.start(place);
  const timer = setTimeout(() => run.kill(), momentMs);
  try {
    return await run.ended;
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects like the first that does, when all are over: what one lane counts, the other one must not. */
async function allEnded(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

/** Finished layers; configs are read by the plan. */
function assertNotAgain(passed: readonly Passed[], finished: ReadonlySet<string>): void {
  const again = movedBlobs(passed).filter(
    ({ digest, bytes }) => finished.has(digest) && bytes > MAX_CONFIG_BYTES,
  );
  assert.deepEqual(again, [], 'fetched or sent again');
}

function assertSucceeded({ title }: Scenario, { code, stderr }: Ended): void {
  assert.equal(code, 0, `${title}: exit ${code}\n${stderr}`);
}
