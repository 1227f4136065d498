import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { isLadingError, RegistryError, redactURL } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { wait as waitByTimer } from '../registry/http/abort.js';
import { discard, readBody } from '../registry/http/body.js';
import { firstChunk, readRefusal } from '../registry/http/encoded-body.js';
import { abortedError, unanswered } from '../registry/http/network-error.js';
import type { Pace } from '../registry/http/pace.js';
import type { TransportResponse } from '../registry/http/response.js';
import type { Method, RequestBody, Transport } from '../registry/http/transport.js';
import { delayBefore, isRetryable } from '../retry.js';
import { inRegion, type S3Place, urlOf } from './address.js';
import { limitAnswer } from './answer-limit.js';
import type { AWSCredentials, CredentialSupply } from './credentials/credentials.js';
import {
  isExpired,
  isMissingObject,
  isPage,
  OTHER_SERVICE,
  readComplaint,
  rightRegion,
  s3Error,
  unansweredBy,
} from './s3-error.js';
import { signedHeaders, signedURL } from './sign.js';
import { type Element, readXML } from './xml.js';

/** The bytes of a request, whose digest is signed, so that the service refuses others. */
export interface Payload {
  /** Lower-case hex. */
  sha256: string;
  size: number;
  /** Opens the bytes; called again for each attempt. */
  open: () => RequestBody;
  /** Whether an attempt that failed may be repeated here, rather than by the caller; default true. */
  isRepeatable?: boolean;
}

export interface S3Request {
  method: Method;
  /** Undefined for the bucket itself. */
  key?: string | undefined;
  query?: Readonly<Record<string, string>> | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  payload?: Payload | undefined;
  /** The permission that it needs. */
  action: string;
  /** What is asked for, if it is not `key`. */
  what?: string | undefined;
  /** Statuses beside 2xx that are an answer. */
  answers?: readonly number[] | undefined;
  expectedBytes?: number | undefined;
  /** True if the answer is a document, so that a page is none. */
  isDocument?: boolean | undefined;
  /** True for what the service does before it answers: joining parts, copying. */
  isSlow?: boolean | undefined;
  /** Called before each attempt is signed, also those that repeat it; what it throws ends the request. */
  beforeSigning?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Sends a request, with retries, and passes the answer on. */
export type S3Requester = <T>(
  request: S3Request,
  consume: (response: TransportResponse) => Promise<T>,
) => Promise<T>;

export interface S3RequesterOptions {
  bucket: string;
  place: S3Place;
  /** Undefined to sign nothing, for buckets that everybody may read. */
  credentials: CredentialSupply | undefined;
  transport: Transport;
  pace: Pace;
  userAgent: string;
  retries: number;
  onEvent?: OnCopyEvent | undefined;
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  now?: (() => number) | undefined;
}

export interface S3Requests {
  request: S3Requester;
  /** Returns a URL for a GET of an object without a key; as it is if nothing is signed. */
  presign(key: string, seconds: number, signal?: AbortSignal): Promise<URL>;
  /**
   * From now on, a request fails, with `TIMEOUT` or what it failed with before, if its answer has not begun within so many
   * milliseconds, repetitions included.
   */
  answerWithin(milliseconds: number): void;
  /** `HOST[:PORT]` that is asked. */
  readonly host: string;
}

const SMALL_BYTES = 1024 * 1024;
const SLOW_ANSWER_MS = 10 * 60_000;
const MAX_XML_BYTES = 16 * 1024 * 1024;
const EMPTY_SHA256 = createHash('sha256').digest('hex');

/** Returns bytes in memory as a payload. */
export function payloadOf(bytes: Uint8Array): Payload {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, size: bytes.byteLength, open: () => bytes };
}

/** An attempt that is made again at once: with a new key, or in the right region. */
class Again extends Error {}

export function createS3Requests(options: S3RequesterOptions): S3Requests {
  const { bucket, credentials, transport, pace, userAgent, retries, onEvent } = options;
  const { wait = waitByTimer, now = Date.now } = options;
  let { place } = options;
  let answerMs = Number.POSITIVE_INFINITY;
  const hostOf = (): string => urlOf(place, bucket, undefined).host;

  async function exchange(message: S3Request, isFirst: boolean): Promise<TransportResponse> {
    const { method, key, query, payload, signal, expectedBytes, isSlow, action } = message;
    const signer = await credentials?.get(signal);
    message.beforeSigning?.();
    const url = urlOf(place, bucket, key, query);
    const headers = {
      'accept-encoding': 'identity',
      'user-agent': userAgent,
      ...(payload && { 'content-length': String(payload.size) }),
      ...message.headers,
    };
    const signed = (own: AWSCredentials): Record<string, string> => {
      const signing = { credentials: own, region: place.region, service: 's3' as const, now: now() };
      const content = { 'x-amz-content-sha256': payload?.sha256 ?? EMPTY_SHA256 };
      return signedHeaders({ method, url, headers: { ...headers, ...content } }, signing);
    };
    const sent = transport.send({
      method,
      url,
      headers: signer === undefined ? headers : signed(signer),
      body: payload === undefined || payload.size === 0 ? undefined : payload.open(),
      expectedBytes,
      ...(isSlow && { answerTimeoutMs: SLOW_ANSWER_MS }),
      signal,
    });
    const response = await sent.catch((error: unknown) => {
      throw unansweredBy(bucket, url, error);
    });
    const { status } = response;
    const isAnswer = (status >= 200 && status < 300) || message.answers?.includes(status) === true;
    const isOdd = status === 404 || (message.isDocument === true && (await beginsPage(response)));
    if (isAnswer && (method === 'HEAD' || !isOdd)) return response;
    const refused = { ...response, body: await readRefusal(response) };
    const complaint = readComplaint(refused.body);
    if (isAnswer && isMissingObject(complaint)) return { ...response, body: Readable.from([refused.body]) };
    if (isFirst && isExpired(complaint) && signer && credentials?.expired(signer)) throw new Again();
    const region = rightRegion(refused, complaint, status);
    if (isFirst && region !== undefined && !place.isRegionChosen && region !== place.region) {
      place = inRegion(place, region);
      throw new Again();
    }
    const part = message.what ?? key;
    const what = part === undefined ? `bucket ${bucket}` : `${part} of bucket ${bucket}`;
    const { region: signedFor } = place;
    const asked = {
      what,
      action,
      bucket,
      host: url.host,
      region: signedFor,
      origin: signer?.origin,
      now: now(),
    };
    throw s3Error(refused, complaint, asked);
  }

  async function request<T>(
    message: S3Request,
    consume: (response: TransportResponse) => Promise<T>,
  ): Promise<T> {
    const { signal, payload } = message;
    // As for registries: all requests of a command listen to its signal.
    if (signal !== undefined) setMaxListeners(0, signal);
    const isSmall = (payload?.size ?? message.expectedBytes ?? 0) <= SMALL_BYTES && message.isSlow !== true;
    const most = payload?.isRepeatable === false ? 0 : retries;
    const giveUpAt = performance.now() + answerMs;
    let isFirst = true;
    for (let attempt = 1; ; ) {
      if (signal?.aborted) throw abortedError(signal);
      const limit = limitAnswer(giveUpAt - performance.now(), signal);
      try {
        const ask = async (): Promise<T> => {
          const response = await exchange({ ...message, signal: limit.signal }, isFirst);
          limit.answered();
          return consume(response);
        };
        return await (isSmall ? pace.run(hostOf(), ask, limit.signal) : ask());
      } catch (error) {
        limit.answered();
        if (error instanceof Again) {
          isFirst = false;
          continue;
        }
        const failure = limit.isOver && !signal?.aborted ? unanswered(hostOf(), error) : error;
        if (signal?.aborted || attempt > most || !isWorthRepeating(failure)) throw failure;
        const delayMs = delayBefore(attempt, failure);
        if (performance.now() + delayMs >= giveUpAt) throw failure;
        pace.failed(hostOf(), failure, delayMs);
        const what = redactURL(urlOf(place, bucket, message.key));
        onEvent?.({ type: 'retrying', what, attempt, delayMs, error: failure });
        await wait(delayMs, signal);
        attempt += 1;
      }
    }
  }

  return {
    request,
    async presign(key, seconds, signal) {
      const url = urlOf(place, bucket, key);
      if (credentials === undefined) return url;
      const signing = { credentials: await credentials.get(signal), region: place.region, now: now() };
      return signedURL({ method: 'GET', url }, seconds, { ...signing, service: 's3' });
    },
    answerWithin(milliseconds) {
      answerMs = milliseconds;
    },
    get host() {
      return hostOf();
    },
  };
}

async function beginsPage({ status, body }: TransportResponse): Promise<boolean> {
  if (status !== 200) return false;
  const first = await firstChunk(body);
  if (first !== undefined) body.unshift(first);
  return first !== undefined && isPage(first);
}

/** A 409 is a race that the service did not decide: the request is to be sent again. (Amazon S3, "Conditional writes") */
function isWorthRepeating(error: unknown): boolean {
  return isRetryable(error) || (error instanceof RegistryError && error.status === 409);
}

/** True if a conditional write lost a race, or content is there already. */
export function isConflict(error: unknown): boolean {
  return isLadingError(error, 'CONFLICT');
}

/** Reads an answer as a document; `what` names it in errors. */
export async function readDocument(response: TransportResponse, what: string): Promise<Element> {
  const refuse = (reason: string): RegistryError =>
    new RegistryError('REGISTRY', `${what}: the answer of ${response.url.host} cannot be read: ${reason}`, {
      ...OTHER_SERVICE,
    });
  const bytes = await readBody(response, MAX_XML_BYTES, () => refuse('it is too long'));
  return readXML(bytes.toString('utf8'), refuse);
}

/** Ends an answer whose body says nothing. */
export async function ended({ body }: TransportResponse): Promise<void> {
  await discard(body);
}
