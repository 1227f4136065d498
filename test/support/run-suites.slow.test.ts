import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { needOf } from './needs.js';
import { runSuites } from './run-suites.js';
import { useFolder } from './temporary.js';

/** A URL, because an import would misread a path with `#` or `%`. */
const NEEDS = import.meta.resolve('./needs.ts');

describe('the suites of npm test', () => {
  const path = useFolder();
  const PASSES = "it('passes', () => {});";
  const FAILS = "it('fails', () => { throw new Error('as it should'); });";
  const SKIPS = `it('skips', function () { leaveOut(this, 'a moon'); });`;
  const SKIPS_EACH = `describe('each', () => { beforeEach(function () { leaveOut(this, 'a star'); }); ${PASSES} });`;
  const SKIPS_ALL = `describe('all', () => { before(function () { leaveOut(this, 'a sun'); }); ${PASSES} ${PASSES} });`;

  /** Runs a suite for each text, and returns the lines that were printed after them. */
  async function runTexts(texts: string[], args: string[] = []) {
    const suites = texts.map(async (text, place) => {
      const file = path(`suite-${place}.mjs`);
      await writeFile(file, `import { leaveOut } from ${JSON.stringify(NEEDS)};\n${text}`);
      return { name: `suite ${place}`, args: [...args, file] };
    });
    const lines: string[] = [];
    const whole = await runSuites(await Promise.all(suites), {
      print: (line) => lines.push(line),
      quiet: true,
    });
    return { whole, lines };
  }

  it('all run although one fails or dies, without a failing test or before any test, and end with their sum', async function () {
    this.timeout(120_000); // it starts five programs, which takes long on a busy machine
    const dies = `${PASSES} after(() => process.exit(3));`;
    const unwritten = "it('is not written');";
    const texts = [PASSES + FAILS, dies, "throw new Error('no suite');", '', PASSES + unwritten];
    const { whole, lines } = await runTexts(texts);
    assert.equal(whole, false);
    assert.deepEqual(lines, [
      'suite 1 died: it ended with 3',
      'suite 2 died: it ended with 1',
      'suite 3 died: no test was run',
      'skipped: 1 needs a reason: it gives none',
      '2 passed, 4 failed, 1 skipped',
    ]);
  });

  for (const args of [[], ['--parallel']]) {
    it(`name what their skipped tests need: ${args[0] ?? 'in one process'}`, async () => {
      const { whole, lines } = await runTexts([PASSES + SKIPS + SKIPS + SKIPS_ALL + SKIPS_EACH], args);
      assert.equal(whole, true);
      assert.deepEqual(lines, [
        'skipped: 2 need a moon; 1 needs a star; 2 need a sun',
        '1 passed, 0 failed, 5 skipped',
      ]);
    });
  }
});

describe('needOf', () => {
  it('finds what a title says at its end, and nothing in other titles', () => {
    assert.equal(needOf('reads it (needs xz and GNU tar)'), 'xz and GNU tar');
    assert.equal(needOf('reads it (needs xz), twice'), undefined);
  });
});
