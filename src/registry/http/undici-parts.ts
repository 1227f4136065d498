// Imported, not required, so that the bundle of the command line has them too: 40 files fewer to find at a start.
import request from 'undici/lib/api/api-request.js';
import buildConnector from 'undici/lib/core/connect.js';
import Pool from 'undici/lib/dispatcher/pool.js';

export { buildConnector, Pool, request };
