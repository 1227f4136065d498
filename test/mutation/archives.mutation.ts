import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { firstRefusal, judge, type Outcomes, type Verdict } from './judge.js';
import { ARCHIVE, type Mutant, mutateFolder, mutateOpaque, mutateTar } from './mutations.js';
import { OPERATIONS, outcomesOf } from './outcomes.js';
import { fixtureSubjects, SAVED, type Subject, savedSubjects } from './subjects.js';

/** All subjects together; each has an equal share. */
const COUNT = Number(process.env.LADING_MUTATE_COUNT ?? 2000);
const SEED = Number(process.env.LADING_MUTATE_SEED ?? Date.now() % 2 ** 32);
/** Only the mutation with this number, of every subject that its name fits. */
const ONLY = process.env.LADING_MUTATE_ONLY;
const CONCURRENCY = 4;

interface Row {
  subject: string;
  mutations: number;
  harmless: number;
  caught: Record<string, number>;
  beyondProof: number;
  wrong: number;
}

const rows: Row[] = [];
const disagreements = new Map<string, { count: number; example: string }>();

describe(`archives and layouts that are changed, ${COUNT} times with LADING_MUTATE_SEED=${SEED}`, () => {
  let folder: string;
  let saved: ReadonlyMap<string, Subject>;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-mutation-'));
    saved = await savedSubjects(folder);
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    printFigures();
  });

  const fixtures = new Map(fixtureSubjects().map((subject) => [subject.name, subject]));
  const names = [...fixtures.keys(), ...SAVED];
  const share = Math.ceil(COUNT / names.length);
  for (const [place, name] of names.entries()) {
    it(`${name} is carried as it is, or refused`, async () => {
      const subject = fixtures.get(name) ?? saved.get(name);
      assert.ok(subject !== undefined);
      const original = await outcomesOf(subject.files, subject, join(folder, 'original'));
      for (const operation of OPERATIONS)
        assert.equal(
          original[operation].type,
          'done',
          `${operation}: ${JSON.stringify(original[operation])}`,
        );
      const numbers = Array.from({ length: share }, (_, index) => place * share + index);
      const problems = await mutateAll(subject, original, numbers, folder);
      assert.equal(problems.length, 0, problems.join('\n'));
    });
  }
});

/** Returns what went wrong, with what repeats it. */
async function mutateAll(
  subject: Subject,
  original: Outcomes,
  numbers: readonly number[],
  folder: string,
): Promise<string[]> {
  const row: Row = {
    subject: subject.name,
    mutations: 0,
    harmless: 0,
    caught: {},
    beyondProof: 0,
    wrong: 0,
  };
  rows.push(row);
  const problems: string[] = [];
  const left = numbers.filter((number) => ONLY === undefined || number === Number(ONLY));
  const work = async (): Promise<void> => {
    for (let number = left.shift(); number !== undefined; number = left.shift()) {
      const mutant = mutate(createRandom(SEED + number), subject);
      const outcomes = await outcomesOf(mutant.files, subject, join(folder, String(number)));
      const verdict = judge(subject, mutant, original, outcomes);
      count(row, verdict);
      const told = `LADING_MUTATE_SEED=${SEED} LADING_MUTATE_ONLY=${number}: ${mutant.what}`;
      problems.push(...verdict.problems.map((problem) => `${told}: ${problem}`));
      if (verdict.disagreement !== undefined)
        note(verdict.disagreement, `${told}: ${firstRefusal(outcomes)}`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return problems;
}

function mutate(random: Random, { kind, files }: Subject): Mutant {
  if (kind === 'folder') return mutateFolder(random, files);
  const bytes = files.get(ARCHIVE) ?? Buffer.alloc(0);
  return kind === 'tar' ? mutateTar(random, bytes) : mutateOpaque(random, bytes);
}

function count(row: Row, { isHarmless, caughtBy, isBeyondProof, problems }: Verdict): void {
  row.mutations++;
  if (isHarmless) row.harmless++;
  for (const operation of caughtBy) row.caught[operation] = (row.caught[operation] ?? 0) + 1;
  if (isBeyondProof) row.beyondProof++;
  if (problems.length > 0) row.wrong++;
}

function note(disagreement: string, example: string): void {
  const known = disagreements.get(disagreement) ?? { count: 0, example };
  disagreements.set(disagreement, { ...known, count: known.count + 1 });
}

function printFigures(): void {
  const cells = rows.map(({ subject, mutations, harmless, caught, beyondProof, wrong }) => [
    subject,
    ...[mutations, harmless, ...OPERATIONS.map((operation) => caught[operation] ?? 0)],
    ...[beyondProof, wrong],
  ]);
  const sums = cells.reduce<(string | number)[]>(
    (sum, row) => row.map((cell, place) => (place === 0 ? 'all' : Number(sum[place] ?? 0) + Number(cell))),
    [],
  );
  const head = ['', 'mutations', 'harmless', ...OPERATIONS, 'unprovable', 'wrong'];
  for (const [name = '', ...figures] of [head, ...cells, sums])
    console.log(
      `  ${String(name).padEnd(50)}${figures.map((figure) => String(figure).padStart(11)).join('')}`,
    );
  for (const [what, { count: times, example }] of disagreements)
    console.log(`  ${times} × ${what}\n      ${example}`);
}
