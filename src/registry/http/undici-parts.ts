// Imported rather than required, so that the bundle of the command line contains them: at a start, 40 fewer files are
// looked up.
import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import Pool from 'undici/lib/dispatcher/pool.js';

export { mendEndsWhilePaused } from './ended-while-paused.js';
export { buildConnector, Pool, request };
