import {
  type Advice,
  adviceOf,
  ContentError,
  type ErrorCode,
  isLadingError,
  LadingError,
  printable,
  RegistryError,
  systemCode,
} from '../errors.js';
import { header, parseRetryAfter } from '../registry/http/headers.js';
import type { RefusedResponse } from '../registry/http/response-error.js';
import { readXML, textOf } from './xml.js';

/** What was asked, for errors. */
export interface Asked {
  /** `PREFIX/blobs/sha256/… of bucket BUCKET`. */
  what: string;
  /** The permission that it needs, such as `s3:PutObject`. */
  action: string;
  bucket: string;
  host: string;
  /** The region that the request was signed for. */
  region: string;
  /** Where the key comes from that signed it; undefined if nothing was signed. */
  origin: string | undefined;
  now: number;
}

/** The error document of the service. (Amazon S3 API Reference, "Error Responses") */
export interface Complaint {
  /** True if something else came than a document or nothing: a page, or a text. */
  isForeign: boolean;
  code: string;
  /** Without a document, the beginning of the text that came instead. */
  message: string;
  region: string | undefined;
  serverTime: string | undefined;
}

/** Errors of a key that is not accepted any more; another one may be. */
const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired']);
const WRONG_KEY = new Set([
  ...EXPIRED,
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  // versitygw
  'XAdminUserNotFound',
]);
const WRONG_REGION = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);
/** The bytes that came are not those that were signed. */
const DAMAGED = new Set(['XAmzContentSHA256Mismatch', 'BadDigest', 'ContentSHA256Mismatch', 'InvalidDigest']);

export function readComplaint(body: Uint8Array): Complaint {
  const text = Buffer.from(body).toString('utf8');
  const refuse = (reason: string): LadingError => new LadingError('REGISTRY', reason);
  try {
    const document = readXML(text, refuse);
    const of = (name: string): string | undefined => textOf(document, name) || undefined;
    if (document.name === 'Error')
      return {
        isForeign: false,
        code: oneLine(of('Code') ?? ''),
        message: oneLine(of('Message') ?? ''),
        region: of('Region'),
        serverTime: of('ServerTime'),
      };
  } catch (error) {
    // A proxy may have answered, with a page.
    if (!isLadingError(error)) throw error;
  }
  const isForeign = text.trim() !== '' && !/^\s*<(?:\?xml|Error)\b/.test(text);
  const message = /^\s*</.test(text) ? '' : oneLine(text);
  return { isForeign, code: '', message, region: undefined, serverTime: undefined };
}

/** Returns the region that a refusal says is right. */
export function rightRegion(
  { headers }: RefusedResponse,
  { code, region }: Complaint,
  status: number,
): string | undefined {
  const named = region ?? header(headers, 'x-amz-bucket-region');
  const isWrong = WRONG_REGION.has(code) || status === 301;
  return isWrong && named !== undefined && /^[a-z0-9-]{1,40}$/.test(named) ? named : undefined;
}

/** True if bytes are the beginning of a page for people: something else than the service has answered. */
export function isPage(start: Buffer): boolean {
  return /^\s*<(?:!doctype )?html\b/i.test(start.toString('latin1', 0, 100));
}

/** The advice where the answer is none of a service of buckets. */
export const OTHER_SERVICE: Advice = {
  hint: 'Something else than the service of buckets may have answered; check the endpoint.',
  remedy: 's3Endpoint',
};

/** Returns the error of a request that got no answer with the bucket and advice on endpoints; others as they are. */
export function unansweredBy(bucket: string, { protocol }: URL, error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.code !== 'UNREACHABLE') return error;
  return error.restated({
    message: `bucket ${bucket}: ${error.message}`,
    advice: adviceOfUnreachable(error, protocol === 'http:'),
  });
}

function adviceOfUnreachable(error: RegistryError, isPlain: boolean): Advice {
  if (error.remedy === 'plainHTTP')
    return { hint: 'The endpoint of a service without TLS begins with http://.', remedy: 's3Endpoint' };
  switch (systemCode(error.cause)) {
    case 'ENOTFOUND':
      return { hint: 'Check the endpoint; behind a proxy, set HTTPS_PROXY.', remedy: 's3Endpoint' };
    case 'ECONNREFUSED':
      return { hint: 'Check that the service runs, and the endpoint.', remedy: 's3Endpoint' };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      // What a server with TLS does with a request without.
      if (isPlain)
        return {
          hint: 'Run the command again; the endpoint of a service with TLS begins with https://.',
          remedy: 's3Endpoint',
        };
      return adviceOf(error);
    default:
      return adviceOf(error);
  }
}

/** True if a 404 says that the object is not there: not the bucket or, at versitygw, the key that signed the request. */
export function isMissingObject({ code, isForeign }: Complaint): boolean {
  return !isForeign && code !== 'NoSuchBucket' && !WRONG_KEY.has(code);
}

export function isExpired({ code }: Complaint): boolean {
  return EXPIRED.has(code);
}

/** Returns the error of an answer that is no success; one line, with what is missing and where to mend it. */
export function s3Error(response: RefusedResponse, complaint: Complaint, asked: Asked): LadingError {
  const { status, headers } = response;
  const { code, message } = complaint;
  if (DAMAGED.has(code))
    return new ContentError('DIGEST_MISMATCH', `${asked.what}: other bytes arrived than were sent (${code})`);
  const { problem, advice, errorCode, isFinal, isOfAll } = explain(response, complaint, asked);
  const said = [code, message].filter((part) => part !== '').join(': ');
  const what = code === 'NoSuchBucket' ? '' : `${isOfAll ? `bucket ${asked.bucket}` : asked.what}: `;
  return new RegistryError(errorCode, `${what}${problem}${said === '' ? '' : ` (${said})`}`, {
    status: code === 'RequestTimeout' ? 408 : status,
    registryCodes: code === '' ? [] : [code],
    retryAfterMs: parseRetryAfter(header(headers, 'retry-after'), asked.now),
    isFinal,
    ...advice,
  });
}

interface Explained {
  errorCode: ErrorCode;
  problem: string;
  advice?: Advice;
  isFinal?: boolean;
  /** True if it would be the same for every object. */
  isOfAll?: boolean;
}

function explain(response: RefusedResponse, complaint: Complaint, asked: Asked): Explained {
  const { status } = response;
  const { code } = complaint;
  const { bucket, host } = asked;
  const key = asked.origin === undefined ? 'a request without a key' : `the key from ${asked.origin}`;
  const region = rightRegion(response, complaint, status);
  if (region !== undefined)
    return {
      errorCode: 'REFUSED',
      problem: `${host} says that the bucket is in the region ${region}`,
      advice: { hint: 'Name that region (AWS_REGION does, too).', remedy: 's3Region', remedyFor: region },
      isOfAll: true,
    };
  const elsewhere =
    status >= 300 && status < 400 ? originOf(header(response.headers, 'location')) : undefined;
  if (elsewhere !== undefined)
    return {
      errorCode: 'REGISTRY',
      problem: `${host} sends requests on to ${elsewhere}`,
      advice: { hint: 'Name the endpoint of the service itself.', remedy: 's3Endpoint' },
      isOfAll: true,
    };
  if (WRONG_REGION.has(code))
    return {
      errorCode: 'REFUSED',
      problem: `${host} says that the bucket is not in the region ${asked.region}`,
      advice: { hint: 'Name the region of the bucket (AWS_REGION does, too).', remedy: 's3Region' },
      isOfAll: true,
    };
  if (code === 'RequestTimeTooSkewed')
    return {
      errorCode: 'UNAUTHORIZED',
      problem: skewOf(response, complaint, asked),
      advice: { hint: 'Set the clock of this machine.' },
      isOfAll: true,
    };
  if (EXPIRED.has(code))
    return {
      errorCode: 'UNAUTHORIZED',
      problem: `${host} says that ${key} has expired`,
      advice: { hint: 'Get a new one, and run the command again: it continues where it stopped.' },
      isOfAll: true,
    };
  if (WRONG_KEY.has(code) || status === 401)
    return {
      errorCode: 'UNAUTHORIZED',
      problem: `${host} does not accept ${key}`,
      advice: { hint: 'Check the key and its secret, and that they are of this service.' },
      isOfAll: true,
    };
  if (code === 'NoSuchBucket')
    return {
      errorCode: 'NOT_FOUND',
      problem: `there is no bucket "${bucket}" at ${host}`,
      advice: { hint: 'Create it first, or check the name and the endpoint.', remedy: 's3Endpoint' },
    };
  if (complaint.isForeign && status < 500 && status !== 429)
    return {
      errorCode: 'REGISTRY',
      problem: `${host} answered with status ${status}, and not as a service of buckets does`,
      advice: OTHER_SERVICE,
    };
  switch (status) {
    case 403:
      return {
        errorCode: 'DENIED',
        problem: `${host} denied access`,
        advice: adviceOfDenied(asked),
      };
    case 404:
      return { errorCode: 'NOT_FOUND', problem: `not found at ${host}` };
    case 409:
    case 412:
      return { errorCode: 'CONFLICT', problem: 'another writer was faster' };
    case 405:
    case 501:
      return { errorCode: 'UNSUPPORTED', problem: `${host} does not do this` };
    case 429:
    case 503:
      return { errorCode: 'TOO_MANY_REQUESTS', problem: `too many requests to ${host}`, advice: SLOWER };
    case 507:
      return { errorCode: 'NO_SPACE', problem: 'the bucket is full', isFinal: true };
    default:
  }
  if (code === 'RequestTimeout') return { errorCode: 'TIMEOUT', problem: 'the bytes came too slowly' };
  if (status >= 500)
    return {
      errorCode: 'REGISTRY',
      problem: `${host} failed with status ${status}`,
      advice: { hint: 'Run the command again in a while: it continues where it stopped.' },
    };
  return { errorCode: 'REFUSED', problem: `${host} refused it with status ${status}` };
}

function originOf(location: string | undefined): string | undefined {
  return location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined;
}

function adviceOfDenied({ action, origin, bucket }: Asked): Advice {
  if (origin !== undefined)
    return { hint: `The key from ${origin} needs the permission ${action} on bucket ${bucket}.` };
  return {
    hint: `Bucket ${bucket} does not give everybody the permission ${action}.`,
    remedy: 'signedRequests',
  };
}

const SLOWER: Advice = {
  hint: 'Run the command again in a while: it continues where it stopped.',
  remedy: 'concurrency',
};

/** Says by how much the clocks differ: signatures are good for 15 minutes. */
function skewOf({ headers }: RefusedResponse, { serverTime }: Complaint, { host, now }: Asked): string {
  const there = Date.parse(serverTime ?? header(headers, 'date') ?? '');
  if (Number.isNaN(there)) return `the clock of this machine differs too much from that of ${host}`;
  const minutes = Math.round(Math.abs(now - there) / 60_000);
  const amount = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return `the clock of this machine is ${amount} ${now < there ? 'behind' : 'ahead of'} that of ${host}`;
}

const MAX_MESSAGE_LENGTH = 300;

function oneLine(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)}…` : line;
}
