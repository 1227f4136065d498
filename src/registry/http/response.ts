import type { Readable } from 'node:stream';
import type { Headers } from './headers.js';

export interface TransportResponse {
  status: number;
  headers: Headers;
  /** Fails with `CUT_SHORT`, `TIMEOUT` or `ABORTED`; may be destroyed at any time. */
  body: Readable;
  /** The URL that answered, after redirects. */
  url: URL;
  /** `HOST[:PORT]` of the proxy that an http request went through; it may have answered itself. */
  proxy?: string | undefined;
}
