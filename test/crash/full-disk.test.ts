import assert from 'node:assert/strict';
import { mkdir, open, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../fuzz/mutate.js';
import { mountSmallDisk } from '../support/programs/small-disk.js';
import { type Lane, openLanes, SLOW } from './lane.js';
import { printTable } from './report.js';
import { blobBytes, type Ended, type Place, SCENARIOS, type Scenario } from './scenarios.js';

const SEED = Number(process.env.LADING_CRASH_SEED ?? Date.now() % 2 ** 32);
const DISK_MEGABYTES = 24;
/** How often each command meets a full disk. */
const TIMES = 3;
const FILES_ONLY = SCENARIOS.filter(
  ({ title }) => /layout|archive$|serve/.test(title) && !/registry$/.test(title),
);

describe(`commands whose disk fills up, with LADING_CRASH_SEED=${SEED}`, () => {
  const random = createRandom(SEED);
  const rows: { command: string; full: number; resumed: number; losses: number }[] = [];
  let disk: string;
  let lane: Lane;
  let places = 0;

  before(async function () {
    disk = await mountSmallDisk(this, DISK_MEGABYTES);
    const [first] = await openLanes(1);
    assert.ok(first);
    lane = first;
  });
  afterEach(() => empty());
  after(() => printTable('Out of disk space', rows));

  for (const scenario of FILES_ONLY) {
    it(`${scenario.title}: says so, and finishes when there is room`, async () => {
      const row = { command: scenario.title, full: 0, resumed: 0, losses: 0 };
      rows.push(row);
      const whole = await newPlace(scenario);
      assertSucceeded(await run(scenario, whole));
      const bytes = blobBytes(scenario.proxy(lane).passed);
      const expected = await scenario.result(whole);
      await empty();
      for (let time = 0; time < TIMES; time += 1) {
        const place = await newPlace(scenario);
        // From a disk that is full from the start to one that is when most has been written.
        const after = time === 0 ? 0 : 1 + random.below(Math.ceil(bytes / 2));
        const { code, stderr } = await runUntilFull(scenario, place, after);
        const said = `full after ${after} bytes: exit ${code}\n${stderr}`;
        if (code === 0) {
          // What fits into the buffers on the way came before the disk was full.
          assert.notEqual(after, 0, said);
          assert.deepEqual(await scenario.result(place), expected, said);
          await empty();
          continue;
        }
        assert.match(stderr, /no space left|free, but|does not exist|INSUFFICIENT|507|500/i, said);
        row.full += 1;
        row.losses += 1;
        await scenario.check(place, { skopeo: true });
        await rm(join(disk, BALLAST), { force: true });
        assertSucceeded(await run(scenario, place));
        await scenario.check(place, { skopeo: true });
        assert.deepEqual(await scenario.result(place), expected, said);
        row.losses -= 1;
        row.resumed += 1;
        await empty();
      }
    });
  }

  async function newPlace(scenario: Scenario): Promise<Place> {
    places += 1;
    // One folder for all: paths are in nothing that is compared, but a clean one each time.
    const place = { lane, folder: join(disk, 'place'), name: `full-${places}` };
    await mkdir(place.folder);
    await scenario.prepare?.(place);
    return place;
  }

  async function runUntilFull(scenario: Scenario, place: Place, after: number): Promise<Ended> {
    const proxy = scenario.proxy(lane);
    proxy.passed.length = 0;
    proxy.bytesPerSecond = SLOW;
    if (after === 0) await fill(disk);
    const running = await scenario.start(place);
    const full =
      after === 0 ? undefined : proxy.until((passed) => blobBytes(passed) >= after).then(() => fill(disk));
    const ended = await running.ended;
    if (ended.code !== 0 && after > 0) await full;
    return ended;
  }

  async function run(scenario: Scenario, place: Place): Promise<Ended> {
    const proxy = scenario.proxy(lane);
    proxy.passed.length = 0;
    proxy.bytesPerSecond = Number.POSITIVE_INFINITY;
    return (await scenario.start(place)).ended;
  }

  async function empty(): Promise<void> {
    for (const name of await readdir(disk)) await rm(join(disk, name), { recursive: true });
  }
});

const BALLAST = 'ballast';

/** Takes all the room that is left. */
async function fill(disk: string): Promise<void> {
  const file = await open(join(disk, BALLAST), 'a');
  try {
    for (let tries = 0; tries < 1000; tries += 1) {
      const { bavail, bsize } = await statfs(disk);
      if (bavail === 0) return;
      await file.write(Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error; // the server wrote meanwhile
      });
    }
    throw new Error(`${disk} cannot be filled`);
  } finally {
    await file.close();
  }
}

function assertSucceeded({ code, stderr }: Ended): void {
  assert.equal(code, 0, stderr);
}
