import assert from 'node:assert/strict';
import { type LadingOptions, runLading } from '../support/programs/lading.js';

/**
 * Runs a command that has to be refused with `code`: nothing on standard output, and on standard error one
 * line that matches `what`, then one line with a hint. Returns the two lines.
 */
export async function refuses(
  code: number,
  what: RegExp,
  args: readonly string[],
  options: LadingOptions = {},
): Promise<{ message: string; hint: string }> {
  const outcome = await runLading([...args, '--progress', 'none'], options);
  const told = `lading ${args.join(' ')}: exit ${outcome.code}\n${outcome.stderr}`;
  assert.equal(outcome.code, code, told);
  assert.equal(outcome.stdout, '', told);
  const [message = '', hint = '', ...more] = outcome.stderr.trimEnd().split('\n');
  assert.match(message, what, told);
  assert.match(hint, /^hint: \S.*/, told);
  assert.deepEqual(more, [], told);
  return { message, hint };
}
