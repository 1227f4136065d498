import { Refusal } from '../errors.js';

/** Counts what is under way, and refuses what would be too much. */
export interface Admission {
  /** Both kinds, and those of them that bring a part of a blob. */
  readonly underWay: Readonly<UnderWay>;
  /** Throws the refusal when there are as many as may be; else the caller calls what it is given when it is done. */
  enter(kind: 'requests' | 'uploads'): () => void;
}

export interface UnderWay {
  requests: number;
  uploads: number;
}

/** Clients that heed it come back after so many seconds. */
const RETRY_AFTER = { 'Retry-After': '1' };

export function createAdmission({
  maxRequests,
  maxUploads,
}: {
  maxRequests: number;
  maxUploads: number;
}): Admission {
  const underWay: UnderWay = { requests: 0, uploads: 0 };
  return {
    underWay,
    enter(kind) {
      if (underWay.requests >= maxRequests)
        throw new Refusal('UNAVAILABLE', 'too many requests are under way', { headers: RETRY_AFTER });
      const uploads = kind === 'uploads' ? 1 : 0;
      if (uploads > 0 && underWay.uploads >= maxUploads)
        throw new Refusal('TOOMANYREQUESTS', 'too many uploads are under way', { headers: RETRY_AFTER });
      underWay.requests++;
      underWay.uploads += uploads;
      return () => {
        underWay.requests--;
        underWay.uploads -= uploads;
      };
    },
  };
}
