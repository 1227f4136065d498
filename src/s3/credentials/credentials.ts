import { LadingError } from '../../errors.js';

/** A key of the service, and where it comes from. */
export interface AWSCredentials {
  accessKeyID: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
  /** Milliseconds since 1970; undefined for a key that stays. */
  expiresAt: number | undefined;
  /** For errors: `the environment`, `profile "ci" of ~/.aws/credentials`. */
  origin: string;
}

/** A place where a key may be; resolves with undefined if it has none. */
export type CredentialPlace = (signal: AbortSignal | undefined) => Promise<AWSCredentials | undefined>;

/** Gives the key of a run, renewed before it expires. */
export interface CredentialSupply {
  get(signal?: AbortSignal): Promise<AWSCredentials>;
  /** Says that the service refused a key as expired. Resolves with true if there may be another one now. */
  expired(credentials: AWSCredentials): boolean;
}

/** A key is renewed so many milliseconds before its end, as Amazon's tools do. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** A place that cannot renew a key that is still good is not asked again before. */
const ASK_AGAIN_MS = 30_000;

export interface SupplyOptions {
  /** Milliseconds since 1970. */
  now?: (() => number) | undefined;
  /** True if nothing can be done without a key; default false: a bucket may be one that everybody may read. */
  isNeeded?: boolean | undefined;
}

/** Asks places in their order, and from then on the one that had a key. */
export function createSupply(
  places: readonly CredentialPlace[],
  { now = Date.now, isNeeded = false }: SupplyOptions = {},
): CredentialSupply {
  let current: AWSCredentials | undefined;
  let asking: Promise<AWSCredentials> | undefined;
  let askAgainAt = 0;

  async function find(signal: AbortSignal | undefined): Promise<AWSCredentials> {
    for (const place of places) {
      const found = await place(signal);
      if (found !== undefined) return found;
    }
    throw new LadingError('UNAUTHORIZED', 'no credentials for buckets were found', {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws/credentials; in the cloud, give the machine, the container or the service account a role.',
      ...(!isNeeded && { remedy: 'anonymous' }),
    });
  }

  async function renewed(signal: AbortSignal | undefined): Promise<AWSCredentials> {
    try {
      current = await find(signal);
      return current;
    } catch (error) {
      // A key that is good for some minutes yet is better than none.
      if (current?.expiresAt === undefined || current.expiresAt <= now() || signal?.aborted) throw error;
      askAgainAt = now() + ASK_AGAIN_MS;
      return current;
    }
  }

  return {
    async get(signal) {
      const isFresh =
        current !== undefined && (current.expiresAt ?? Number.POSITIVE_INFINITY) - now() > RENEW_BEFORE_MS;
      if (current !== undefined && (isFresh || (askAgainAt > now() && (current.expiresAt ?? 0) > now())))
        return current;
      asking ??= renewed(signal).finally(() => {
        asking = undefined;
      });
      return asking;
    },
    expired(credentials) {
      if (
        current?.accessKeyID !== credentials.accessKeyID ||
        current.sessionToken !== credentials.sessionToken
      )
        return true;
      current = undefined;
      askAgainAt = 0;
      return credentials.expiresAt !== undefined;
    },
  };
}
