import type { Row } from '../row.js';
import { loadRows } from './load.js';
import { openRows } from './open.js';
import { saveRows } from './save.js';

/** All that is measured, in the order of the table. */
export const ROWS: readonly Row[] = [...saveRows, ...loadRows, ...openRows];
