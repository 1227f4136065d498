import { isLadingError, RegistryError } from '../../errors.js';
import type { CredentialProvider } from '../auth/credential.js';
import { discard, readSome } from '../http/body.js';
import { header, headerLines } from '../http/headers.js';
import { Pace } from '../http/pace.js';
import { createRequester, type Requester, type RequesterOptions } from '../http/request.js';
import type { TransportResponse } from '../http/response.js';
import type { PlainHTTP } from '../http/scheme.js';
import { type CallOptions, type RepositoryName, repositoryText } from '../repository.js';
import { createEndpointAuthenticator, createIndexAuthenticator, type V1Grant } from './auth.js';
import { endpointsOf } from './endpoints.js';
import { isStandalone, tokenOf, V1_HEADER, v1Path, v1RepositoryOf } from './protocol.js';
import { createV1Repository, type V1Repository } from './repository.js';

export type { V1ImageAnswer, V1Repository } from './repository.js';

/** A client of the v1 protocol of Docker before 1.6; it can only read. */
export interface V1Client {
  /** Asks `/v1/_ping`; undefined if there is no v1 registry. */
  ping(registry: string, options?: CallOptions): Promise<V1Ping | undefined>;
  /**
   * Asks the index which registries have the repository, and for permission to read it. Rejects with `NOT_FOUND`, and
   * with `UNSUPPORTED` for a name that v1 cannot have.
   */
  open(name: RepositoryName, options?: CallOptions): Promise<V1Repository>;
}

export interface V1Ping {
  version: string | undefined;
  /** Whether the registry is its own index. */
  isStandalone: boolean;
}

export interface V1ClientOptions {
  /** Requests that authenticate as in the v2 protocol, after a challenge. */
  request: Requester;
  /** Options for the requesters of this client. */
  requester: Omit<RequesterOptions, 'authenticator'>;
  credentials: CredentialProvider;
  plainHTTP: PlainHTTP;
  onWarning?: ((text: string) => void) | undefined;
}

const MAX_PING_BYTES = 64 * 1024;

export function createV1Client(options: V1ClientOptions): V1Client {
  const { request, requester, credentials, plainHTTP, onWarning } = options;
  const { schemes } = requester;
  const requestIndex = createRequester({
    ...requester,
    mirrors: {},
    authenticator: createIndexAuthenticator(credentials),
  });

  async function ping(registry: string, callOptions: CallOptions = {}): Promise<V1Ping | undefined> {
    const message = { registry, method: 'GET', target: v1Path.ping(), scopes: [], ...callOptions } as const;
    try {
      return await request({ ...message, what: `v1 registry ${registry}` }, readPing);
    } catch (error) {
      if (isLadingError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async function askIndex(
    name: RepositoryName,
    index: URL,
    isOwn: boolean,
    callOptions: CallOptions,
  ): Promise<V1Grant> {
    const what = `images of ${repositoryText(name)}`;
    const message = { ...name, method: 'GET', target: v1Path.images(name.repository), scopes: [] } as const;
    const headers = { [V1_HEADER.token]: 'true' };
    const whenNotFound = {
      hint: 'Check the name; v1 registries know no repositories but those of NAMESPACE/NAME.',
    };
    try {
      return await requestIndex(
        { ...message, ...callOptions, headers, what, whenNotFound },
        async (response) => {
          await discard(response.body);
          return grantOf(response, { index, isOwn, plainHTTP: plainHTTP(name.registry), what });
        },
      );
    } catch (error) {
      // Static files on a web server can serve as a registry, but not as an index.
      if (isOwn && isLadingError(error, 'NOT_FOUND')) return { endpoints: [index], token: undefined };
      throw error;
    }
  }

  async function open(name: RepositoryName, callOptions: CallOptions = {}): Promise<V1Repository> {
    const repository = v1RepositoryOf(name);
    const { registry } = name;
    const answer = await ping(registry, callOptions);
    if (answer === undefined)
      throw new RegistryError(
        'NOT_FOUND',
        `${registry} does not support the v1 protocol: it has no /v1/_ping`,
      );
    const url = await schemes.baseURL(registry, callOptions.signal);
    const ask = (asked: CallOptions): Promise<V1Grant> => askIndex(name, url, answer.isStandalone, asked);
    const grant = await ask(callOptions);
    const requestEndpoints = createRequester({
      ...requester,
      // A request may wait for a new grant, which is a request too: with one pace, each could wait for the other.
      pace: new Pace(),
      mirrors: {},
      authenticator: createEndpointAuthenticator({
        index: { registry, repository, url },
        credentials,
        grant,
        isStandalone: answer.isStandalone,
        renew: () => ask({}),
      }),
      schemes: {
        // Endpoints use the same scheme as the index.
        baseURL: async (host) => new URL(`${url.protocol}//${host}`),
        forget: () => undefined,
      },
    });
    return createV1Repository(requestEndpoints, name, grant.endpoints, onWarning);
  }

  return { ping, open };
}

/** Tells a registry from a web page. (docker, registry/endpoint_v1.go, `Ping`) */
async function readPing({ headers, body }: TransportResponse): Promise<V1Ping | undefined> {
  const text = (await readSome(body, MAX_PING_BYTES)).toString('utf8').trim();
  const version = header(headers, V1_HEADER.version);
  const isJSON = /^(?:true|\{.*\})$/s.test(text);
  return version !== undefined || isJSON ? { version, isStandalone: isStandalone(headers) } : undefined;
}

function grantOf(
  { headers, url }: TransportResponse,
  { index, isOwn, plainHTTP, what }: { index: URL; isOwn: boolean; plainHTTP: boolean; what: string },
): V1Grant {
  // If another origin answered instead of the index, its tokens are not used.
  const isIndex = url.origin === index.origin;
  const named = isIndex ? endpointsOf(headers, index, plainHTTP) : [];
  if (named.length === 0 && !isOwn)
    throw new RegistryError(
      'REGISTRY',
      `${what}: the index ${index.host} does not say which registry has them`,
    );
  return {
    endpoints: named.length > 0 ? named : [index],
    token: isIndex ? tokenOf(headerLines(headers, V1_HEADER.token)) : undefined,
  };
}
