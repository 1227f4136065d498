import { EXIT, exitCodeOf } from './exit-codes.js';
import { plural } from './format.js';
import type { Output } from './output.js';

/** The images of a run that went on after failures (`keepGoing`), by the names that were asked for. */
export type Failures = readonly { name: string; error: unknown }[];

/**
 * Shows the result of a run that may have left images out: first the errors, each with its image, then the result,
 * whose text ends with the sum, failures first. Returns the exit code.
 */
export function resultWithFailures(
  output: Output,
  result: { failures: Failures; images: readonly unknown[] },
  {
    text,
    isJSON,
    code = EXIT.done,
  }: {
    text: () => string;
    isJSON: boolean;
    /** The exit code if nothing failed; default 0. */
    code?: number | undefined;
  },
): number {
  const { failures, ...done } = result;
  const documents = failures.map(({ name, error }) => ({ name, error: output.describe(error) }));
  if (!isJSON) for (const { name, error } of failures) output.error(error, name);
  output.result({ ...done, ...(failures.length > 0 && { failures: documents }) }, () => text());
  if (failures.length === 0) return code;
  return done.images.length > 0 ? EXIT.partial : exitCodeOf(failures[0]?.error);
}

/** Returns the start of the last line: how many images failed of all; empty if none did. */
export function failuresOf({ failures, images }: { failures: Failures; images: readonly unknown[] }): string {
  if (failures.length === 0) return '';
  return `${failures.length} of ${plural(failures.length + images.length, 'image')} failed; `;
}
