import type { Advice } from '../../errors.js';
import type { AskingOrder } from '../mirrors.js';
import type { Method, RequestBody } from './transport.js';

/** A request to a registry. */
export interface RegistryRequest {
  registry: string;
  repository?: string | undefined;
  method: Method;
  /** A path on the registry, or the URL that it returned for an upload. */
  target: string;
  headers?: Record<string, string> | undefined;
  /** Opens the body; called each time that it is sent. */
  body?: (() => RequestBody) | undefined;
  /** How long the registry may take to answer after the whole request was sent; default: the stall timeout. */
  answerTimeoutMs?: number | undefined;
  /** Expected size of the response in bytes, if known; large ones are received by `bulkGet`. */
  expectedBytes?: number | undefined;
  /** Scopes that the token must grant. */
  scopes: readonly string[];
  /** What is requested and where, for errors: `tag "1.2" of reg.example/app`. */
  what: string;
  /** Advice for a 404. */
  whenNotFound?: Advice | undefined;
  /** Hints for the error, by the registry's error code or the status. */
  hints?: Readonly<Record<string, Advice>> | undefined;
  /** Which of the registry and its mirrors to ask, and in which order; default: only the registry. */
  order?: AskingOrder | undefined;
  /**
   * Returns changes to the request after a failure, for a form that more registries accept. The same endpoint is then
   * asked once more. This does not count as a retry and happens at most once for each endpoint.
   */
  otherwise?: ((error: unknown) => Partial<RegistryRequest> | undefined) | undefined;
  /** Whether to ask where the last such request for the same URL was redirected to; default: ask the registry. */
  reusesRedirect?: boolean | undefined;
  /** Number of retries; default: the client's for a request without a body, 0 for one with a body. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Answers of so many bytes at most come at once; larger ones are as many as the caller asks for. */
const SMALL_BYTES = 1024 * 1024;

/** Whether a request only asks, and the answer is small: most answers say nothing of their size. */
export function isSmall({ method, expectedBytes = 0 }: RegistryRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && expectedBytes <= SMALL_BYTES;
}
