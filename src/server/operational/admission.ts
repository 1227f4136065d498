import { Refusal } from '../errors.js';
import { ClientCounts, shareOf } from './client.js';

/** A request, as far as its place is concerned. */
export interface Entering {
  kind: 'requests' | 'uploads';
  client: string;
  /** Bytes of bodies that have moved so far, in either direction; without end while the client waits for us. */
  moved: () => number;
  /** Ends the request. */
  cut: () => void;
}

/** Counts what is under way, and refuses what would be too much. */
export interface Admission {
  /** Both kinds, and those of them that bring a part of a blob. */
  readonly underWay: Readonly<UnderWay>;
  /** Throws the refusal when there are as many as may be; else the caller calls what it is given when it is done. */
  enter(request: Entering): () => void;
}

export interface UnderWay {
  requests: number;
  uploads: number;
}

export interface AdmissionOptions {
  maxRequests: number;
  maxUploads: number;
  /** Percent of either that one client may have under way. */
  clientShare: number;
  now?: () => number;
}

/** Clients that heed it come back after so many seconds. */
const RETRY_AFTER = { 'Retry-After': '1' };
/** A request that takes longer, with fewer bytes in a second than these, gives way where there is no place left. */
const SLOW_MS = 30_000;
const SLOW_BYTES_PER_S = 1024;

interface UnderWayRequest extends Entering {
  since: number;
}

/**
 * Places for requests, and of them for uploads, of which one client has a share. Where all are taken, the slowest
 * request of a client that has more than the newcomer would gives way, if it hardly moves: a few clients that trickle
 * would keep the places of all for as long as they like.
 */
export function createAdmission({
  maxRequests,
  maxUploads,
  clientShare,
  now = () => performance.now(),
}: AdmissionOptions): Admission {
  const most = { requests: maxRequests, uploads: maxUploads };
  const ofClient = { requests: new ClientCounts(), uploads: new ClientCounts() };
  const underWay: UnderWay = { requests: 0, uploads: 0 };
  const places = new Set<UnderWayRequest>();

  function add(kind: 'requests' | 'uploads', client: string): void {
    underWay[kind]++;
    ofClient[kind].add(client);
  }

  function remove(request: UnderWayRequest): void {
    if (!places.delete(request)) return;
    for (const kind of kindsOf(request)) {
      underWay[kind]--;
      ofClient[kind].remove(request.client);
    }
  }

  /** Ends the slowest of those that give way to a client; false when there is none. */
  function givesWay(kind: 'requests' | 'uploads', client: string): boolean {
    const own = ofClient[kind].of(client);
    let slowest: UnderWayRequest | undefined;
    let least = SLOW_BYTES_PER_S;
    for (const request of places) {
      const tookMs = now() - request.since;
      const isMeant = kind === 'requests' || request.kind === kind;
      if (!isMeant || tookMs < SLOW_MS || ofClient[kind].of(request.client) <= own + 1) continue;
      const rate = (request.moved() * 1000) / tookMs;
      if (rate >= least) continue;
      least = rate;
      slowest = request;
    }
    if (slowest === undefined) return false;
    remove(slowest);
    slowest.cut();
    return true;
  }

  return {
    underWay,
    enter(entering) {
      const { client } = entering;
      for (const kind of kindsOf(entering)) {
        const [what, code] = REFUSALS[kind];
        const hasShare = ofClient[kind].of(client) >= shareOf(most[kind], clientShare);
        if (underWay[kind] >= most[kind] && (hasShare || !givesWay(kind, client)))
          throw refused(`too many ${what} are under way`, code);
        if (hasShare) throw refused(`too many ${what} of this client are under way`, 'TOOMANYREQUESTS');
      }
      const request = { ...entering, since: now() };
      places.add(request);
      for (const kind of kindsOf(request)) add(kind, client);
      return () => remove(request);
    },
  };
}

const REFUSALS = {
  requests: ['requests', 'UNAVAILABLE'],
  uploads: ['uploads', 'TOOMANYREQUESTS'],
} as const;

/** An upload is a request too. */
function kindsOf({ kind }: Pick<Entering, 'kind'>): readonly ('requests' | 'uploads')[] {
  return kind === 'uploads' ? BOTH : ONE;
}

const BOTH = ['requests', 'uploads'] as const;
const ONE = ['requests'] as const;

function refused(problem: string, code: 'UNAVAILABLE' | 'TOOMANYREQUESTS'): Refusal {
  return new Refusal(code, problem, { headers: RETRY_AFTER });
}
