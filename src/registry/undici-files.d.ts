// Files of undici that its types do not name.

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';

  /** `Dispatcher.prototype.request`, whose bodies may be iterables. */
  export default function request(
    this: Dispatcher,
    options: Omit<Dispatcher.RequestOptions, 'body'> & {
      body: AsyncIterable<Uint8Array> | Uint8Array | string | null;
    },
  ): Promise<Dispatcher.ResponseData>;
}

declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
