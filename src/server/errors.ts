import { type ErrorCode, isLadingError, RegistryError } from '../errors.js';

/** Error codes of the distribution-spec, then those that distribution adds. */
export type SpecificationCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'MANIFEST_UNVERIFIED'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNSUPPORTED'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'TAG_INVALID'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

const STATUS: Record<SpecificationCode, number> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  MANIFEST_UNVERIFIED: 400,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNSUPPORTED: 405,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  TAG_INVALID: 400,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
};

/** An error that is sent to the client in the specification's format. Any other error becomes a bare 500. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: SpecificationCode;
  readonly status: number;
  /** What the request named; clients show it in their messages. */
  readonly detail: unknown;
  readonly headers: Record<string, string>;
  /** Further errors of the same request; status and headers are those of this one. */
  readonly others: readonly Refusal[];

  constructor(
    code: SpecificationCode,
    message: string,
    options: {
      /** Default: the status of the code. */
      status?: number;
      detail?: unknown;
      headers?: Record<string, string>;
      others?: readonly Refusal[];
    } = {},
  ) {
    super(message);
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
    this.others = options.others ?? [];
  }
}

/** Returns the refusal for a repository that does not exist. */
export function unknownRepository(name: string): Refusal {
  return new Refusal('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } });
}

/**
 * Maps an error to a refusal: a `Refusal` unchanged, LOCKED and NO_SPACE as 503 and 507, a failure of the service that has
 * the content as 503, anything else as a bare 500. A balancer sends a request with 503 to another replica.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isLadingError(error, 'LOCKED'))
    return new Refusal('UNAVAILABLE', 'another process or request is writing; try again', {
      headers: { 'Retry-After': '1' },
    });
  if (isLadingError(error, 'NO_SPACE'))
    return new Refusal('UNAVAILABLE', 'the registry has no space left', { status: 507 });
  if (isOfService(error))
    return new Refusal('UNAVAILABLE', 'the content cannot be read at the moment; try again', {
      headers: { 'Retry-After': '1' },
    });
  return new Refusal('UNKNOWN', 'the server could not answer; its log says why');
}

/** Errors of a service that is not there, too busy, or slow. */
const UNAVAILABLE = new Set<ErrorCode>(['UNREACHABLE', 'TIMEOUT', 'TOO_MANY_REQUESTS', 'CUT_SHORT']);

/** True if a service on the network that has the content, such as one of buckets, cannot be asked now. */
function isOfService(error: unknown): boolean {
  return error instanceof RegistryError && (UNAVAILABLE.has(error.code) || (error.status ?? 0) >= 500);
}

/** Returns the specification's error body. (distribution-spec, "Error Codes") */
export function errorBody(refusal: Refusal): { errors: object[] } {
  return {
    errors: [refusal, ...refusal.others].map(({ code, message, detail }) => ({
      code,
      message,
      ...(detail === undefined ? {} : { detail }),
    })),
  };
}
