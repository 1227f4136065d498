import { isLadingError } from '../errors.js';

/** The codes of error bodies: the distribution-spec's, then those that distribution adds. */
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

/** An answer in the form of the specification's error body; whatever else is thrown becomes a bare 500. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: SpecificationCode;
  readonly status: number;
  /** What the request named, for the client's own message. */
  readonly detail: unknown;
  readonly headers: Record<string, string>;
  /** What else is wrong with the request; status and headers are those of the first. */
  readonly others: readonly Refusal[];

  constructor(
    code: SpecificationCode,
    message: string,
    options: {
      /** Default: the status that belongs to the code. */
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

/** For a repository that is not there. */
export function unknownRepository(name: string): Refusal {
  return new Refusal('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } });
}

/**
 * What the client is told of an error: a refusal as it is; of what passes by itself or is the owner's to mend,
 * that; of all others only that there was one.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isLadingError(error, 'LOCKED'))
    return new Refusal('UNAVAILABLE', 'somebody else is writing; try again', {
      headers: { 'Retry-After': '1' },
    });
  if (isLadingError(error, 'NO_SPACE'))
    return new Refusal('UNAVAILABLE', 'the registry has no space left', { status: 507 });
  return new Refusal('UNKNOWN', 'the server could not answer; its log says why');
}

/** The specification's error body. (distribution-spec, "Error Codes") */
export function errorBody(refusal: Refusal): { errors: object[] } {
  return {
    errors: [refusal, ...refusal.others].map(({ code, message, detail }) => ({
      code,
      message,
      ...(detail === undefined ? {} : { detail }),
    })),
  };
}
