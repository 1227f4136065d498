import type { Readable } from 'node:stream';
import type { Headers } from './headers.js';

export interface TransportResponse {
  status: number;
  headers: Headers;
  /** Its errors are `CUT_SHORT`, `TIMEOUT` or `ABORTED`; it may be destroyed at any time. */
  body: Readable;
  /** Where the response came from. */
  url: URL;
  /** `HOST[:PORT]` of a proxy that a request in clear text went through: it may have answered itself. */
  proxy?: string | undefined;
}
