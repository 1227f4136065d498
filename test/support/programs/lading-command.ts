import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program, not its source: what users get. */
export const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/**
 * The command that tests run: the program under this Node.js, or the single executable that the variable `LADING_BIN`
 * names.
 */
export const LADING: readonly [string, ...string[]] = process.env.LADING_BIN
  ? [resolve(process.env.LADING_BIN)]
  : [process.execPath, PROGRAM];
