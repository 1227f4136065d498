import type { Digest } from '../content/digest.js';
import { Refusal } from './errors.js';
import { requireDigest, requireRepository } from './names.js';
import { splitTarget } from './target.js';

/** What a request is for; every name and digest in it has been checked against its grammar. */
export type Endpoint =
  | { type: 'version' }
  | { type: 'catalog' }
  | { type: 'tags'; repository: string }
  /** `reference` is as the client wrote it: what is wrong with one depends on whether it is read or written. */
  | { type: 'manifest'; repository: string; reference: string }
  | { type: 'blob'; repository: string; digest: Digest }
  | { type: 'referrers'; repository: string; digest: Digest }
  /** Where uploads are begun. */
  | { type: 'uploads'; repository: string }
  /** `id` is as the client wrote it. */
  | { type: 'upload'; repository: string; id: string };

export interface Route {
  endpoint: Endpoint;
  query: URLSearchParams;
}

type Methods = Record<Endpoint['type'], readonly string[]>;

const READ = ['GET', 'HEAD'];
const READING: Methods = {
  version: READ,
  catalog: READ,
  tags: READ,
  manifest: READ,
  blob: READ,
  referrers: READ,
  uploads: [],
  upload: [],
};
const WRITING: Methods = {
  ...READING,
  manifest: ['DELETE', 'GET', 'HEAD', 'PUT'],
  blob: ['DELETE', 'GET', 'HEAD'],
  uploads: ['POST'],
  upload: ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT'],
};

/**
 * Method and request target → what is asked for. Throws the specification's refusal for everything else, and
 * for all that would write unless the registry is `writable`. (distribution-spec, "Endpoints")
 */
export function parseRoute(method: string, target: string, { writable = false } = {}): Route {
  const { path, query } = splitTarget(target);
  // Segments are cut before they are decoded, so that an encoded slash stays inside its segment and fails there.
  const [root, version, ...segments] = path.split('/').map(decodeSegment);
  if (root !== '' || version !== 'v2') throw noSuchEndpoint();
  const endpoint = parseEndpoint(segments);
  const allowed = (writable ? WRITING : READING)[endpoint.type];
  if (!allowed.includes(method)) throw notAllowed(writable, allowed);
  return { endpoint, query };
}

/** Read from the end: a repository may have components called `blobs`, `tags` or `manifests`. */
function parseEndpoint(segments: string[]): Endpoint {
  const last = segments.at(-1);
  const kind = segments.at(-2);
  if (last === undefined || (last === '' && segments.length === 1)) return { type: 'version' };
  if (last === '_catalog' && segments.length === 1) return { type: 'catalog' };

  if (kind === 'uploads' && segments.at(-3) === 'blobs') {
    const repository = requireRepository(segments.slice(0, -3));
    return last === '' ? { type: 'uploads', repository } : { type: 'upload', repository, id: last };
  }
  const name = segments.slice(0, -2);
  switch (kind) {
    case 'manifests':
      return { type: 'manifest', repository: requireRepository(name), reference: last };
    case 'blobs':
      return { type: 'blob', repository: requireRepository(name), digest: requireDigest(last) };
    case 'referrers':
      return { type: 'referrers', repository: requireRepository(name), digest: requireDigest(last) };
    case 'tags':
      if (last === 'list') return { type: 'tags', repository: requireRepository(name) };
  }
  throw noSuchEndpoint();
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return segment; // the bare `%` is in no grammar: whoever reads the segment refuses it
  }
}

function noSuchEndpoint(): Refusal {
  return new Refusal('UNSUPPORTED', 'no such endpoint', { status: 404 });
}

function notAllowed(writable: boolean, allowed: readonly string[]): Refusal {
  const message = writable ? 'this method is not for this endpoint' : 'this registry is read only';
  return new Refusal('UNSUPPORTED', message, { headers: { Allow: allowed.join(', ') } });
}
