import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { leaveOut, needs } from '../support/needs.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { ENGINES, type Loaded } from './engines.js';
import { type Case, makeCase } from './generate.js';
import { type View, viewOf } from './lading-reader.js';
import { type Reader, startGoReader, startPythonReader } from './programs.js';
import { differences, disagree, namedOtherwise, type Shown } from './readings.js';

const COUNT = Number(process.env.LADING_MEANING_COUNT ?? 4000);
const SEED = Number(process.env.LADING_MEANING_SEED ?? Date.now() % 2 ** 32);
/** How many of those that verify clean are loaded into real engines, which take a second each. */
const LOADED = Number(process.env.LADING_MEANING_LOADED ?? 24);

const figures = { clean: 0, refused: 0, doubtful: 0, readings: 0, taken: 0, loads: 0, loadsTaken: 0 };

describe(`archives that readers may take differently, ${COUNT} with LADING_MEANING_SEED=${SEED}`, () => {
  const clean: { made: Case; path: string; shown: Shown[] }[] = [];
  let folder: string;
  before(async () => {
    folder = await temporaryFolder('meaning');
  });
  after(() => {
    const { clean: sound, refused, doubtful, readings, taken, loads, loadsTaken } = figures;
    console.log(
      [
        `      ${sound} archives verify clean, ${refused} are refused, ${doubtful} of which these programs take differently`,
        `of ${readings} readings in Go and Python of the clean ones ${taken} take images`,
        `of ${loads} loads into engines ${loadsTaken} do`,
      ].join(';\n      '),
    );
  });

  it('mean the same to programs in Go and in Python where they verify clean', async function () {
    const readers = await startReaders(this);
    const problems: string[] = [];
    try {
      for (let number = 0; number < COUNT; number++) {
        const made = makeCase(SEED + number);
        const path = join(folder, `${number}.tar`);
        await writeFile(path, made.bytes);
        const view = await viewOf(path);
        count(view);
        const readings = (await Promise.all(readers.map((reader) => reader.read(path)))).flat();
        if (view.type === 'refused') {
          assert.notEqual(made.what.length, 0, `${describeCase(made)} is sound, and refused: ${view.why}`);
          if (disagree(readings)) figures.doubtful++;
          continue;
        }
        clean.push({ made, path, shown: view.shown });
        for (const reading of readings) {
          figures.readings++;
          if (reading.images.length > 0) figures.taken++;
          problems.push(...differences(view.shown, reading).map((text) => `${describeCase(made)}: ${text}`));
        }
      }
    } finally {
      for (const reader of readers) await reader.close();
    }
    assert.equal(problems.length, 0, problems.slice(0, 50).join('\n'));
    // Else there would be nothing that was compared.
    assert.ok(figures.clean > COUNT / 10 && figures.refused > COUNT / 10, JSON.stringify(figures));
    assert.ok(figures.taken > figures.clean && figures.doubtful > 0, JSON.stringify(figures));
  });

  for (const [engine, load] of Object.entries(ENGINES))
    it(`mean the same to ${engine} where they verify clean`, async function () {
      needs(this, ...(NEEDED[engine] ?? []));
      const problems: string[] = [];
      const before = figures.loadsTaken;
      for (const { made, path, shown } of sample(clean, LOADED)) {
        const loaded = await load(path);
        figures.loads++;
        if (loaded.images.length > 0) figures.loadsTaken++;
        problems.push(...unexpected(shown, loaded).map((text) => `${describeCase(made)}: ${text}`));
      }
      assert.equal(problems.length, 0, problems.join('\n'));
      assert.ok(figures.loadsTaken > before || LOADED === 0, 'it took nothing at all');
    });
});

const NEEDED: Readonly<Record<string, Parameters<typeof needs>[1][]>> = {
  dockerd: ['root', 'dockerd', 'docker', 'containerd'],
  containerd: ['root', 'containerd', 'ctr'],
  podman: ['root', 'podman'],
  'skopeo docker-archive': ['skopeo'],
  'skopeo oci-archive': ['skopeo'],
};

async function startReaders(context: Parameters<typeof leaveOut>[0]): Promise<Reader[]> {
  const readers = [await startGoReader(), await startPythonReader()].filter((reader) => reader !== undefined);
  if (readers.length === 0) leaveOut(context, 'Go or Python');
  return readers;
}

function count({ type }: View): void {
  if (type === 'clean') figures.clean++;
  else figures.refused++;
}

/** Those with the most that is odd, each oddity once before any comes again. */
function sample(clean: readonly { made: Case; path: string; shown: Shown[] }[], most: number) {
  const byWhat = new Map(clean.map((one) => [one.made.what.join().replace(/[0-9a-f]{64}/g, ''), one]));
  const odd = [...byWhat.values()].sort((a, b) => b.made.what.length - a.made.what.length);
  return odd.slice(0, most);
}

function unexpected(shown: readonly Shown[], { engine, images }: Loaded): string[] {
  return images.flatMap(({ name, config }) => {
    const same = shown.filter((image) => image.config === config);
    if (same.length === 0) return [`${engine} takes ${name} as ${config}, which lading does not show`];
    return namedOtherwise(name, same, shown) ? [`${engine} takes ${config} as ${name}`] : [];
  });
}

function describeCase({ seed, what }: Case): string {
  return `LADING_MEANING_SEED=${seed} LADING_MEANING_COUNT=1 (${what.join('; ') || 'nothing odd'})`;
}
