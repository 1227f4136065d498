import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import { needOf } from './needs.js';

/** The totals of a run; they are written as JSON to the file in `LADING_TEST_TOTALS`. */
export interface Totals {
  passed: number;
  failed: number;
  /** The numbers of skipped tests, by what they need. */
  skipped: Record<string, number>;
}

/** Mocha's own reporter, with one line after its summary that says what the skipped tests need. */
export default class Summary extends Mocha.reporters.Spec {
  readonly #skipped: Record<string, number> = {};

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(Mocha.Runner.constants.EVENT_TEST_PENDING, ({ title }) => {
      const need = needOf(title) ?? 'a reason: it gives none';
      this.#skipped[need] = (this.#skipped[need] ?? 0) + 1;
    });
  }

  override epilogue(): void {
    super.epilogue();
    const line = describeSkipped(this.#skipped);
    if (line !== '') Mocha.reporters.Base.consoleLog(`  ${line}\n`);
    const { passes: passed, failures: failed } = this.stats;
    const totals: Totals = { passed, failed, skipped: this.#skipped };
    const file = process.env.LADING_TEST_TOTALS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(totals));
  }
}

/** Returns a line such as `skipped: 2 need root; 1 needs xz`, or an empty string if nothing was skipped. */
export function describeSkipped(skipped: Totals['skipped']): string {
  const parts = Object.entries(skipped)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([need, count]) => `${count} ${count === 1 ? 'needs' : 'need'} ${need}`);
  return parts.length === 0 ? '' : `skipped: ${parts.join('; ')}`;
}
