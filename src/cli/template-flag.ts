import { LadingError } from '../index.js';
import type { Template } from './template.js';

/** Returns the template of `--format`; undefined without one, and for `table` alone, the default. Throws `USAGE`. */
export async function templateOf(flags: {
  format?: string | undefined;
  json: boolean;
}): Promise<Template | undefined> {
  const { format } = flags;
  if (format === undefined) return undefined;
  if (flags.json)
    throw new LadingError('USAGE', '--json and --format exclude each other', {
      hint: '--format json prints a document a line, --json one document with all of them.',
    });
  if (format.trim() === 'table') return undefined;
  const { readTemplate } = await import('./template.js'); // few need it
  return readTemplate(format);
}
