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
  /** Told where something else than the registry, or than a list, may have answered. */
  onWarning?: ((text: string) => void) | undefined;
}

/**
 * What has `subject` as its subject, by the referrers API; undefined where the registry lacks it.
 * (distribution-spec, end-12)
 */
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
    const tagged = 'attachments are looked for under tags only';
    onWarning?.(`${what}: ${name.registry} answers with something that is no list, so ${tagged}`);
    return { type: 'unsupported' };
  }
  // The registry's filter is optional, so it is never relied on.
  const isWanted = (descriptor: Descriptor) =>
    artifactType === undefined || descriptor.artifactType === artifactType;
  return { type: 'listed', referrers: referrers.filter(isWanted) };
}

/** `unknown`: the repository is missing, which says nothing about the API. */
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
 * Remembers which registries lack the referrers API. While the first question to a registry is open, others
 * wait for its answer: of many images only one pays for a registry that does not know it.
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
      // A failure decides nothing, and is the asker's to report.
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
 * The descriptors of a referrers list, each checked; `what` names the list in errors. Rejects with
 * `INVALID_MANIFEST`: an attachment that cannot be named cannot be carried either.
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

/** Annotations describe an attachment; those that are no text say nothing, and keep nobody from carrying it. */
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
