import { discard } from './body.js';
import { type FollowedRequest, sendFollowing, withoutBound } from './redirect.js';
import type { TransportResponse } from './response.js';
import type { Transport } from './transport.js';

/** Redirects are for large blobs, of which a run fetches a few at a time. */
const MAX_KNOWN = 64;
/** Too many requests, and service unavailable. */
const IS_BUSY = new Set([429, 503]);

/**
 * Remembers where GET requests were redirected to, so that the next one for the same URL (another range of a blob) does not
 * ask the registry again. If the place refuses, because its signed URL has expired or for any other reason, the registry is
 * asked.
 */
export class Shortcuts {
  readonly #places = new Map<string, URL>();

  async send(transport: Transport, request: FollowedRequest): Promise<TransportResponse> {
    const { href, origin } = request.url;
    const place = this.#places.get(href);
    if (place !== undefined) {
      // Redirects are checked where they are followed, so this place was, and a further one is not followed from here.
      const response = await this.#ask(transport, request, place);
      if (response !== undefined) return response;
    }
    const response = await sendFollowing(transport, request);
    if (response.url.origin !== origin && isSuccess(response)) {
      if (this.#places.size >= MAX_KNOWN) this.#places.clear();
      this.#places.set(href, response.url);
    }
    return response;
  }

  /** Returns undefined if the place refuses. One that is busy is not asked once more by way of the registry. */
  async #ask(
    transport: Transport,
    request: FollowedRequest,
    place: URL,
  ): Promise<TransportResponse | undefined> {
    const { body, headers, ...message } = request;
    try {
      const response = await transport.send({ ...message, url: place, headers: withoutBound(headers) });
      if (isSuccess(response) || IS_BUSY.has(response.status)) return response;
      await discard(response.body);
    } catch (error) {
      this.#forget(request.url, place);
      throw error;
    }
    this.#forget(request.url, place);
    return undefined;
  }

  /** Another request may know a new place by now. */
  #forget({ href }: URL, place: URL): void {
    if (this.#places.get(href) === place) this.#places.delete(href);
  }
}

function isSuccess({ status }: TransportResponse): boolean {
  return status >= 200 && status < 300;
}
