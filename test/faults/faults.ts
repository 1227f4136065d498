import type { ErrorCode } from '../../src/errors.js';
import type { Asked, Fault } from '../support/fault-proxy.js';

/** Something that goes wrong between lading and a registry. */
export interface NamedFault {
  name: string;
  /** What happens to a request; undefined where nothing does. */
  spoil(asked: Asked): Fault | undefined;
  /** How a run may end that meets it once for each kind of request; default only with success. */
  once?: readonly Ending[];
  /** How a run may end that meets it again and again. */
  always: readonly Ending[];
}

export type Ending = 'survived' | ErrorCode;

const NETWORK: readonly Ending[] = ['CUT_SHORT', 'UNREACHABLE', 'TIMEOUT', 'REGISTRY'];
/** A load hardly looks at the bodies of answers. */
const UNREAD: readonly Ending[] = ['survived', ...NETWORK];
/** Content that came whole, and is not what its digest says. */
const DAMAGED: readonly Ending[] = [
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'CUT_SHORT',
  'INVALID_MANIFEST',
  'REGISTRY',
];
const JSON_TYPE = { 'content-type': 'application/json' };

function everywhere(name: string, fault: Fault, endings: Omit<NamedFault, 'name' | 'spoil'>): NamedFault {
  return { name, spoil: () => fault, ...endings };
}

function bodies(name: string, fault: Fault, endings: Omit<NamedFault, 'name' | 'spoil'>): NamedFault {
  return { name, spoil: ({ method }) => (method === 'GET' ? fault : undefined), ...endings };
}

function answered(
  status: number,
  endings: Omit<NamedFault, 'name' | 'spoil'>,
  {
    name = String(status),
    headers = {},
    body = '',
  }: { name?: string; headers?: Record<string, string>; body?: string } = {},
): NamedFault {
  return everywhere(name, { answer: { status, headers, body } }, endings);
}

/** Not of an upload's end: a registry may take minutes to look through what it was sent, and is given them. */
function stalls(name: string, stall: 'answer' | 'request'): NamedFault {
  const spoil = ({ method, path }: Asked) =>
    path.includes('/blobs/uploads/') && method !== 'POST' ? undefined : { stall };
  return { name, spoil, always: NETWORK };
}

const errorBody = (code: string) => JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });

/** Every fault of this list, alone; its own ending where it happens once and where it goes on. */
export const FAULTS: readonly NamedFault[] = [
  everywhere('cut before the answer', { cutAnswerAfter: 0 }, { always: NETWORK }),
  bodies('cut in an answer', { cutAnswerAfter: 100 }, { always: UNREAD }),
  everywhere('cut in a request', { cutRequestAfter: 100 }, { always: ['survived', ...NETWORK] }),
  everywhere('reset before the answer', { resetAnswerAfter: 0 }, { always: NETWORK }),
  bodies('reset in an answer', { resetAnswerAfter: 100 }, { always: UNREAD }),
  stalls('stall before the answer', 'answer'),
  stalls('stall in a request', 'request'),
  bodies('stall in an answer', { stall: { afterBytes: 100 } }, { always: UNREAD }),
  bodies('slow', { dripBytes: 5000 }, { always: ['survived'] }),
  bodies('wrong length, too long', { lengthOffBy: 10 }, { always: [...UNREAD, ...DAMAGED] }),
  bodies(
    'wrong length, too short',
    { lengthOffBy: -10 },
    { once: ['survived', 'UNREACHABLE', ...DAMAGED], always: [...UNREAD, ...DAMAGED] },
  ),
  bodies('wrong digest', { alterBody: flipped }, { always: ['survived', ...DAMAGED] }),
  everywhere(
    'wrong digest in a header',
    { setHeaders: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } },
    { once: ['survived', ...DAMAGED], always: ['survived', ...DAMAGED, 'MISSING_CONTENT'] },
  ),
  bodies(
    'truncated JSON',
    { alterBody: (body) => body.subarray(0, body.length / 2) },
    {
      once: ['survived', ...DAMAGED],
      always: ['survived', ...DAMAGED],
    },
  ),
  answered(
    200,
    { once: ['survived', ...DAMAGED], always: [...DAMAGED, 'MISSING_CONTENT', 'REFUSED'] },
    {
      name: 'HTML page',
      headers: { 'content-type': 'text/html' },
      body: '<html><body>Please log in.</body></html>',
    },
  ),
  {
    name: '401 in the middle',
    spoil({ path, headers }) {
      if (path.startsWith('/token')) return token();
      const challenge = `Bearer realm="http://${headers.host}/token",service="registry"`;
      return { answer: { status: 401, headers: { 'www-authenticate': challenge } } };
    },
    always: ['UNAUTHORIZED'],
  },
  answered(
    403,
    { once: ['survived', 'DENIED'], always: ['DENIED'] },
    { headers: JSON_TYPE, body: errorBody('DENIED') },
  ),
  answered(404, {
    once: ['survived', 'NOT_FOUND', 'MISSING_CONTENT'],
    always: ['NOT_FOUND', 'MISSING_CONTENT'],
  }),
  answered(408, { always: ['TIMEOUT'] }),
  answered(413, { once: ['survived', 'REFUSED'], always: ['REFUSED'] }),
  answered(
    429,
    { always: ['TOO_MANY_REQUESTS'] },
    { name: '429, Retry-After in seconds', headers: { 'retry-after': '0' } },
  ),
  {
    name: '429, Retry-After as a date',
    spoil: () => ({ answer: { status: 429, headers: { 'retry-after': new Date().toUTCString() } } }),
    always: ['TOO_MANY_REQUESTS'],
  },
  ...[500, 502, 503, 504].map((status) => answered(status, { always: ['REGISTRY'] })),
  answered(501, { once: ['survived', 'REGISTRY'], always: ['REGISTRY'] }),
  {
    name: 'redirect loop',
    spoil: ({ path }) => ({ answer: { status: 307, headers: { location: path } } }),
    once: ['survived', 'REGISTRY'],
    always: ['REGISTRY'],
  },
];

let tokens = 0;

/** Each is another one, as after the one before has expired. */
function token(): Fault {
  tokens++;
  return { answer: { status: 200, headers: JSON_TYPE, body: JSON.stringify({ token: `token-${tokens}` }) } };
}

function flipped(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  const place = changed.length >> 1;
  if (changed.length > 0) changed[place] = (changed[place] ?? 0) ^ 1;
  return changed;
}

/** The kind of a request: each kind has a fault of its own once. */
export function kindOf({ method, path }: Asked): string {
  const [, endpoint = 'other'] = /\/(manifests|blobs\/uploads|blobs|tags|referrers)\//.exec(path) ?? [];
  return `${method} ${endpoint}`;
}
