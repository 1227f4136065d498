// Imported, not required, so that the bundle of the command line has them too: 40 files fewer to find at a start.
import request from 'undici/lib/api/api-request.js';
import Pool from 'undici/lib/dispatcher/pool.js';

export { Pool, request };
