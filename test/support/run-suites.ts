import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeSkipped, type Totals } from './summary.js';

export interface SuiteRun {
  name: string;
  /** Arguments of mocha, which runs in the folder of the project. */
  args: readonly string[];
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const MOCHA = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));

/**
 * Runs mocha suites concurrently, all of them even if one fails, and prints their output one suite after the other.
 * Then prints what was skipped and, as the last line, the totals. Returns true if nothing failed. A suite that ends
 * with an error but without a failing test has died, and counts as one failure.
 */
export async function runSuites(
  suites: readonly SuiteRun[],
  { print = console.log, quiet = false }: { print?: (line: string) => void; quiet?: boolean } = {},
): Promise<boolean> {
  const sum: Totals = { passed: 0, failed: 0, skipped: {} };
  const runs = suites.map(({ name, args }, place) => {
    const shown = place === 0 ? 'inherit' : 'pipe';
    return { name, run: runMocha(args, quiet ? 'ignore' : shown) };
  });
  for (const { name, run } of runs) {
    const { end, totals, output } = await run;
    process.stdout.write(output);
    const ran = totals.passed + totals.failed + countOf(totals.skipped) > 0;
    if (totals.failed === 0 && (end !== 0 || !ran)) {
      print(`${name} died: ${ran || end !== 0 ? `it ended with ${end}` : 'no test was run'}`);
      totals.failed = 1;
    }
    sum.passed += totals.passed;
    sum.failed += totals.failed;
    for (const [need, count] of Object.entries(totals.skipped))
      sum.skipped[need] = (sum.skipped[need] ?? 0) + count;
  }
  const skipped = describeSkipped(sum.skipped);
  if (skipped !== '') print(skipped);
  print(`${sum.passed} passed, ${sum.failed} failed, ${countOf(sum.skipped)} skipped`);
  return sum.failed === 0;
}

/** Runs mocha; returns its exit code or signal, the totals of its reporter, and with `pipe` its output. */
async function runMocha(args: readonly string[], stdio: 'inherit' | 'ignore' | 'pipe') {
  const folder = mkdtempSync(join(tmpdir(), 'lading-totals-'));
  const file = join(folder, 'totals');
  try {
    const mocha = spawn(process.execPath, [MOCHA, ...args], {
      cwd: PROJECT,
      stdio: ['ignore', stdio, stdio],
      env: { ...process.env, LADING_TEST_TOTALS: file },
    });
    const chunks: Buffer[] = [];
    for (const stream of [mocha.stdout, mocha.stderr])
      stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code, signal]: (number | string | null)[] = await once(mocha, 'close');
    return { end: code ?? signal, totals: readTotals(file), output: Buffer.concat(chunks) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readTotals(file: string): Totals {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return { passed: 0, failed: 0, skipped: {} };
  }
}

function countOf(skipped: Totals['skipped']): number {
  return Object.values(skipped).reduce((sum, count) => sum + count, 0);
}
