import { Refusal } from '../errors.js';
import { ClientCounts, shareOf } from './client.js';

/** Counts what is under way, and refuses what would be too much. */
export interface Admission {
  /** Both kinds, and those of them that bring a part of a blob. */
  readonly underWay: Readonly<UnderWay>;
  /** Throws the refusal when there are as many as may be; else the caller calls what it is given when it is done. */
  enter(kind: 'requests' | 'uploads', client: string): () => void;
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
  clientShare,
}: {
  maxRequests: number;
  maxUploads: number;
  /** Percent of either that one client may have under way. */
  clientShare: number;
}): Admission {
  const underWay: UnderWay = { requests: 0, uploads: 0 };
  const ofClient = { requests: new ClientCounts(), uploads: new ClientCounts() };
  const most = {
    requests: shareOf(maxRequests, clientShare),
    uploads: shareOf(maxUploads, clientShare),
  };
  const refuse = (problem: string, code: 'UNAVAILABLE' | 'TOOMANYREQUESTS'): never => {
    throw new Refusal(code, problem, { headers: RETRY_AFTER });
  };
  return {
    underWay,
    enter(kind, client) {
      const isUpload = kind === 'uploads';
      if (underWay.requests >= maxRequests) refuse('too many requests are under way', 'UNAVAILABLE');
      if (isUpload && underWay.uploads >= maxUploads)
        refuse('too many uploads are under way', 'TOOMANYREQUESTS');
      if (ofClient.requests.of(client) >= most.requests)
        refuse('too many requests of this client are under way', 'TOOMANYREQUESTS');
      if (isUpload && ofClient.uploads.of(client) >= most.uploads)
        refuse('too many uploads of this client are under way', 'TOOMANYREQUESTS');
      underWay.requests++;
      ofClient.requests.add(client);
      if (isUpload) {
        underWay.uploads++;
        ofClient.uploads.add(client);
      }
      return () => {
        underWay.requests--;
        ofClient.requests.remove(client);
        if (!isUpload) return;
        underWay.uploads--;
        ofClient.uploads.remove(client);
      };
    },
  };
}
