import type { Authorization, AuthTarget } from '../auth/auth.js';
import type { Credential, CredentialProvider } from '../auth/credential.js';
import { basic } from '../auth/token.js';
import type { RequestAuthenticator } from '../http/request.js';

/** An index's permission to read one repository. */
export interface V1Grant {
  /** The registries that have the repository. */
  endpoints: readonly URL[];
  /** The token for them; undefined if the index gave none. */
  token: string | undefined;
}

/**
 * Sends the credential to an index with the first request: without one, the index does not send a challenge but the
 * token of an anonymous user. (docker, registry/session.go, `GetRepositoryData`)
 */
export function createIndexAuthenticator(credentials: CredentialProvider): RequestAuthenticator {
  const credentialFor = ({ registry, repository }: AuthTarget): Promise<Credential | undefined> =>
    credentials(registry, repository);
  return {
    credentialFor,
    authorize: async (target) => basicOf(await credentialFor(target)),
    answer: async () => undefined,
  };
}

export interface EndpointAuthenticatorOptions {
  index: { registry: string; repository: string; url: URL };
  credentials: CredentialProvider;
  grant: V1Grant;
  /** Whether the index is also the registry. */
  isStandalone: boolean;
  /** Asks the index for a new token when the old one has expired. */
  renew: () => Promise<V1Grant>;
}

/**
 * Sends the index's token to the registries of a repository. The password is sent only to the origin that the user
 * named, and only if it is a registry too: over https at once, as Docker does, over http only when asked.
 */
export function createEndpointAuthenticator(options: EndpointAuthenticatorOptions): RequestAuthenticator {
  const { index, credentials, isStandalone, renew } = options;
  let { token } = options.grant;
  let renewal: Promise<string | undefined> | undefined;
  const credentialFor = (): Promise<Credential | undefined> => credentials(index.registry, index.repository);

  async function password({ origin }: AuthTarget): Promise<Authorization | undefined> {
    if (!isStandalone || origin.origin !== index.url.origin) return undefined;
    return basicOf(await credentialFor());
  }

  /** All requests whose token was refused share one renewal. */
  async function renewed(rejected: string | undefined): Promise<string | undefined> {
    if (rejected !== undefined && token !== rejected) return token;
    renewal ??= renew()
      .then((grant) => {
        token = grant.token;
        return token;
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  }

  return {
    credentialFor,
    async authorize(target) {
      const own = target.origin.protocol === 'https:' ? await password(target) : undefined;
      return own ?? tokenAuthorization(token);
    },
    async answer(target, _response, rejected) {
      const refusedToken = /^Token (.*)$/s.exec(rejected?.header ?? '')?.[1];
      const fresh = token === undefined ? undefined : await renewed(refusedToken);
      if (fresh !== undefined && fresh !== refusedToken) return tokenAuthorization(fresh);
      const own = await password(target);
      return own?.header === rejected?.header ? undefined : own;
    },
  };
}

function tokenAuthorization(token: string | undefined): Authorization | undefined {
  return token === undefined ? undefined : { header: `Token ${token}`, credential: undefined };
}

function basicOf(credential: Credential | undefined): Authorization | undefined {
  const { username, password } = credential ?? {};
  if (username === undefined || password === undefined) return undefined;
  return { header: basic(username, password), credential };
}
