import { isRepository, isTag } from '../content/reference.js';
import { RegistryError } from '../errors.js';
import { scope } from './auth/scope.js';
import { memberOf, readSizedJSON } from './http/json.js';
import type { RegistryRequest } from './http/registry-request.js';
import type { Requester } from './http/request.js';
import { listNames, nextPageOf, type Page } from './pages.js';
import { path } from './protocol.js';
import { type CallOptions, type RepositoryName, repositoryText } from './repository.js';

/** Maximum number of invalid names that are reported one by one. */
const MAX_NAMED = 20;

export interface ListOptions extends CallOptions {
  /** Called for names that are skipped because they are invalid. */
  onWarning?: ((text: string) => void) | undefined;
}

/** Yields the tags of a repository, in the registry's order. (distribution-spec, end-8) */
export async function* listTags(
  request: Requester,
  name: RepositoryName,
  options: ListOptions = {},
): AsyncGenerator<string> {
  const message = {
    ...name,
    scopes: [scope.pull(name.repository)],
    what: `tags of ${repositoryText(name)}`,
    whenNotFound: {
      hint: 'Check the name of the repository.',
      remedy: 'list',
      remedyFor: name.registry,
    } as const,
  };
  yield* names(request, message, path.tags(name.repository), { member: 'tags', isValid: isTag }, options);
}

/** Yields the repositories of a registry, if it lists them. (distribution, "Listing Repositories") */
export async function* listRepositories(
  request: Requester,
  registry: string,
  options: ListOptions = {},
): AsyncGenerator<string> {
  const message = {
    registry,
    scopes: [scope.catalog()],
    what: `repositories of ${registry}`,
    whenNotFound: { hint: 'This registry does not list its repositories; name them one by one.' },
  };
  const kind = { member: 'repositories', isValid: isRepository };
  yield* names(request, message, path.catalog(), kind, options);
}

async function* names(
  request: Requester,
  message: Pick<RegistryRequest, 'registry' | 'repository' | 'scopes' | 'what' | 'whenNotFound'>,
  firstPath: string,
  { member, isValid }: { member: string; isValid: (name: string) => boolean },
  { signal, retries, onWarning }: ListOptions,
): AsyncGenerator<string> {
  const fetchPage = (target: string): Promise<Page<string>> =>
    // A mirror lists only what it has fetched so far.
    request(
      { ...message, method: 'GET', target, order: 'registry, mirrors if out of reach', signal, retries },
      async (response) => {
        const { document, bytes } = await readSizedJSON(response, message.what);
        const items = texts(memberOf(document, member), message.what);
        return { items, bytes, next: nextPageOf(response, target) };
      },
    );
  let leftOut = 0;
  for await (const name of listNames(firstPath, message.what, fetchPage)) {
    if (isValid(name)) yield name;
    else {
      leftOut += 1;
      if (leftOut <= MAX_NAMED)
        onWarning?.(`${message.what}: "${name.slice(0, 200)}" is left out because it is not a valid name`);
    }
  }
  if (leftOut > MAX_NAMED)
    onWarning?.(`${message.what}: ${leftOut - MAX_NAMED} more are left out because they are not valid names`);
}

/** Checks that this is a list of names; an empty one may be null or missing. */
function texts(list: unknown, what: string): string[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw new RegistryError('REGISTRY', `${what}: the answer is not a list of names`);
  return list;
}
