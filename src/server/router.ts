import type { Digest } from '../content/digest.js';
import { Refusal } from './errors.js';
import { requireDigest, requireRepository } from './names.js';
import { splitTarget } from './target.js';

/** The endpoint of a request. All names and digests in it are checked, unless a member says otherwise. */
export type Endpoint =
  | { type: 'version' }
  | { type: 'catalog' }
  | { type: 'tags'; repository: string }
  /** `reference` is unchecked: which error it gets depends on whether it is read or written. */
  | { type: 'manifest'; repository: string; reference: string }
  | { type: 'blob'; repository: string; digest: Digest }
  | { type: 'referrers'; repository: string; digest: Digest }
  /** Where uploads are started. */
  | { type: 'uploads'; repository: string }
  /** `id` is unchecked. */
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
 * Parses the method and target of a request. Throws a `Refusal` for anything that is not an endpoint, and for writes
 * unless the registry is `writable`. (distribution-spec, "Endpoints")
 */
export function parseRoute(method: string, target: string, { writable = false } = {}): Route {
  const { path, query } = splitTarget(target);
  // The path is split before it is decoded, so that an encoded slash stays inside its segment, where it is refused.
  const [root, version, ...segments] = path.split('/').map(decodeSegment);
  if (root !== '' || version !== 'v2') throw noSuchEndpoint();
  const endpoint = parseEndpoint(segments);
  const allowed = (writable ? WRITING : READING)[endpoint.type];
  if (!allowed.includes(method)) throw notAllowed(writable, allowed);
  return { endpoint, query };
}

/** Parses from the end, because a repository may have components called `blobs`, `tags` or `manifests`. */
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
    return segment; // no grammar allows a bare `%`, so the segment is refused later
  }
}

function noSuchEndpoint(): Refusal {
  return new Refusal('UNSUPPORTED', 'no such endpoint', { status: 404 });
}

function notAllowed(writable: boolean, allowed: readonly string[]): Refusal {
  const message = writable ? 'this endpoint does not support this method' : 'this registry is read-only';
  return new Refusal('UNSUPPORTED', message, { headers: { Allow: allowed.join(', ') } });
}
