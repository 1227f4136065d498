import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isDigest } from '../content/digest.js';
import { ContentError, RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { withAbort } from './http/abort.js';
import { mediaTypeOf } from './http/headers.js';
import { memberOf, readSizedJSON } from './http/json.js';
import type { Requester } from './http/request.js';
import { followLinks, nextPageOf, type Page } from './pages.js';
import { path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';

export interface ReferrersOptions extends CallOptions {
  artifactType?: string | undefined;
  /** Called if the answer may not be from the registry, or is not a list. */
  onWarning?: ((text: string) => void) | undefined;
}

/** Lists the manifests with this subject by the referrers API. (distribution-spec, end-12) */
export async function fetchReferrers(
  request: Requester,
  name: RepositoryName,
  subject: Digest,
  { artifactType, signal, retries, onWarning }: ReferrersOptions = {},
): Promise<ReferrersAnswer> {
  const what = `referrers of ${subject} in ${repositoryText(name)}`;
  const scopes = [scope.pull(name.repository)];
  const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const fetchPage = (target: string): Promise<Page<Descriptor> | undefined> =>
    request(
      {
        ...name,
        method: 'GET',
        target,
        scopes,
        what,
        order: 'registry, mirrors if out of reach',
        signal,
        retries,
      },
      async (response) => {
        if (!/\bjson$/.test(mediaTypeOf(response.headers))) {
          response.body.destroy();
          return undefined;
        }
        const { document, bytes } = await readSizedJSON(response, what);
        if (!Array.isArray(memberOf(document, 'manifests')) && memberOf(document, 'manifests') !== null)
          return undefined;
        return { items: parseReferrers(document, what), bytes, next: nextPageOf(response, target) };
      },
    );
  const referrers: Descriptor[] = [];
  let pages = 0;
  try {
    for await (const items of followLinks(
      path.referrers(name.repository, subject) + filter,
      what,
      fetchPage,
    )) {
      pages += 1;
      referrers.push(...items);
    }
  } catch (error) {
    const answer = pages === 0 ? refusedBy(error) : undefined;
    if (answer === undefined) throw error;
    return answer;
  }
  if (pages === 0) {
    const tagged = 'lading looks for attachments only under tags';
    onWarning?.(`${what}: the answer of ${name.registry} is not a list, so ${tagged}`);
    return { type: 'unsupported' };
  }
  // The filter is optional for registries, so it is applied here again.
  const isWanted = (descriptor: Descriptor) =>
    artifactType === undefined || descriptor.artifactType === artifactType;
  return { type: 'listed', referrers: referrers.filter(isWanted) };
}

/**
 * `unsupported`: the registry lacks the API. `unknown`: the repository does not exist, which says nothing about the
 * API.
 */
export type ReferrersAnswer =
  | { type: 'listed'; referrers: Descriptor[] }
  | { type: 'unsupported' }
  | { type: 'unknown' };

function refusedBy(error: unknown): ReferrersAnswer | undefined {
  if (!(error instanceof RegistryError) || error.status === undefined) return undefined;
  if (error.status === 404 && error.registryCodes.includes('NAME_UNKNOWN')) return { type: 'unknown' };
  return [400, 404, 405, 406, 501].includes(error.status) ? { type: 'unsupported' } : undefined;
}

/**
 * Remembers which registries lack the referrers API. While the first request to a registry is running, others wait for
 * its answer, so that only one of many images pays for a registry that does not support it.
 */
export function rememberingSupport() {
  const first = new Map<string, Promise<'unsupported' | 'unknown' | 'listed'>>();
  return async (
    registry: string,
    ask: () => Promise<ReferrersAnswer>,
    signal?: AbortSignal | undefined,
  ): Promise<Descriptor[] | undefined> => {
    for (let pending = first.get(registry); pending !== undefined; pending = first.get(registry)) {
      const known = await withAbort(pending, signal);
      if (known === 'unsupported') return undefined;
      if (known === 'listed') break;
      if (first.get(registry) === pending) first.delete(registry);
    }
    const answer = ask();
    if (!first.has(registry)) {
      // An error leaves it undecided, and is reported to the caller of `ask`.
      const decided = answer.then(
        ({ type }) => type,
        () => 'unknown' as const,
      );
      first.set(registry, decided);
    }
    const settled = await answer;
    return settled.type === 'listed' ? settled.referrers : undefined;
  };
}

/**
 * Parses and checks the descriptors of a referrers list; `what` names the list in errors. Throws `INVALID_MANIFEST`: an
 * attachment without a valid descriptor cannot be copied.
 */
export function parseReferrers(document: unknown, what: string): Descriptor[] {
  const manifests = memberOf(document, 'manifests');
  if (manifests === null || manifests === undefined) return []; // Go writes an empty list as null
  if (!Array.isArray(manifests)) throw invalid(what, '"manifests" is not a list');
  return manifests.map((entry, index) => parseEntry(entry, `${what}: entry ${index}`));
}

function parseEntry(entry: unknown, what: string): Descriptor {
  const mediaType = memberOf(entry, 'mediaType');
  const digest = memberOf(entry, 'digest');
  const size = memberOf(entry, 'size');
  const artifactType = memberOf(entry, 'artifactType');
  const annotations = memberOf(entry, 'annotations');
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(what, 'it has no mediaType');
  if (!isDigest(digest)) throw invalid(what, `its digest ${JSON.stringify(digest)} is invalid`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(what, 'its size is invalid');
  return {
    mediaType,
    digest,
    size,
    ...(typeof artifactType === 'string' && artifactType !== '' ? { artifactType } : {}),
    ...texts(annotations),
  };
}

/** Returns the annotations that are text. Others are ignored: they do not prevent a copy. */
function texts(value: unknown): { annotations?: Record<string, string> } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return { annotations: Object.fromEntries(entries) };
}

function invalid(what: string, problem: string): ContentError {
  return new ContentError('INVALID_MANIFEST', `${what}: ${problem}`, {
    hint: 'The registry lists attachments wrongly; they can be left out.',
    remedy: 'referrers',
  });
}
