import { Refusal } from '../errors.js';
import { ClientCounts, shareOf } from './client.js';

/** A request that needs a place. */
export interface Entering {
  kind: 'requests' | 'uploads';
  client: string;
  /** Number of body bytes transferred so far, in either direction; infinite while the client waits for us. */
  moved: () => number;
  /** Aborts the request. */
  cut: () => void;
}

/** Counts running requests, and refuses those beyond the limits. */
export interface Admission {
  /** The number of all running requests, and of those that upload a part of a blob. */
  readonly underWay: Readonly<UnderWay>;
  /**
   * Admits a request, or throws a `Refusal`. The caller has to call the returned function when the request has ended.
   */
  enter(request: Entering): () => void;
}

export interface UnderWay {
  requests: number;
  uploads: number;
}

export interface AdmissionOptions {
  maxRequests: number;
  maxUploads: number;
  /** Percentage of each limit that one client may use. */
  clientShare: number;
  now?: () => number;
}

/** Clients that honour it retry after this many seconds. */
const RETRY_AFTER = { 'Retry-After': '1' };
/** If there is no place left, a request that takes longer than this, with fewer bytes per second, may be cut. */
const SLOW_MS = 30_000;
const SLOW_BYTES_PER_S = 1024;

interface UnderWayRequest extends Entering {
  since: number;
}

/**
 * Limits concurrent requests and, among them, uploads; each client has a share of both. If all places are taken, the
 * slowest request of a client that has more than the new one is cut, provided that it makes hardly any progress:
 * otherwise a few clients that trickle bytes could keep all places for as long as they like.
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

  /** Cuts the slowest request that has to make room for a client; returns false if there is none. */
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
          throw refused(`the server has too many concurrent ${what}`, code);
        if (hasShare) throw refused(`this client has too many concurrent ${what}`, 'TOOMANYREQUESTS');
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

/** An upload counts as a request too. */
function kindsOf({ kind }: Pick<Entering, 'kind'>): readonly ('requests' | 'uploads')[] {
  return kind === 'uploads' ? BOTH : ONE;
}

const BOTH = ['requests', 'uploads'] as const;
const ONE = ['requests'] as const;

function refused(problem: string, code: 'UNAVAILABLE' | 'TOOMANYREQUESTS'): Refusal {
  return new Refusal(code, problem, { headers: RETRY_AFTER });
}
