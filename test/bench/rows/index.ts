import type { Row } from '../row.js';
import type { ServingRow } from '../serving.js';
import { convertRows } from './convert.js';
import { loadRows } from './load.js';
import { openRows } from './open.js';
import { saveRows } from './save.js';
import { serveRows } from './serve.js';
import { verifyRows } from './verify.js';

/** All that is measured, in the order of the tables. */
export const ROWS: readonly Row[] = [...saveRows, ...loadRows, ...convertRows, ...verifyRows, ...openRows];
export const SERVING_ROWS: readonly ServingRow[] = serveRows;
