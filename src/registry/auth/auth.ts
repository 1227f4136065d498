import { createHash } from 'node:crypto';
import { isRetryable } from '../../retry.js';
import { withAbort } from '../http/abort.js';
import { discard } from '../http/body.js';
import { headerLines } from '../http/headers.js';
import type { TransportResponse } from '../http/response.js';
import type { Transport } from '../http/transport.js';
import { path } from '../protocol.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { Credential, CredentialProvider } from './credential.js';
import {
  type DigestChallenge,
  type DigestedRequest,
  digestAuthorization,
  readDigestChallenge,
} from './digest.js';
import { checkRealm } from './realm.js';
import { splitScopes, unionScopes } from './scope.js';
import { basic, fetchToken, type Token } from './token.js';

/** Whom a request is made to, and what for. */
export interface AuthTarget {
  /** Scheme, host and port; credentials go nowhere else but to its token service. */
  origin: URL;
  /** The name that credentials are looked up by. */
  registry: string;
  repository: string | undefined;
  /** What the request needs. */
  scopes: readonly string[];
  /** Plain http and certificates of unknown authorities are allowed, also at its token service. */
  insecure?: boolean | undefined;
  /** The request itself, for a scheme whose answer is good for one request. */
  request: DigestedRequest;
}

/** What a request carries, and whose it is. */
export interface Authorization {
  header: string;
  /** Undefined for a token that was given to an anonymous user. */
  credential: Credential | undefined;
}

export interface AuthOptions {
  transport: Transport;
  credentials: CredentialProvider;
  userAgent: string;
  /** Whether the user chose http, so that token services may be asked by it too. */
  plainHTTP: boolean;
  /** Whether a registry may name a token service at an address of a private network. */
  privateAddresses?: boolean | undefined;
  now: () => number;
  /** Ends what is shared by several requests; theirs ends only their waiting. */
  signal: AbortSignal;
}

/** How an origin wants to be spoken to, as its last challenge said. */
type Scheme =
  | { type: 'basic' }
  /** `uses` counts the requests that were answered with the nonce. */
  | { type: 'digest'; challenge: DigestChallenge; uses: number }
  | { type: 'bearer'; realm: URL; service: string | undefined };

/**
 * Knows how each origin wants to be authenticated to, once it has said so, and keeps the tokens of the run.
 * One token per origin, credential and set of scopes; requests that need the same one share the asking.
 */
export class Authenticator {
  readonly #options: AuthOptions;
  readonly #schemes = new Map<string, Scheme>();
  /** Scopes that an origin asked for beyond what we had thought to need, by what we thought. */
  readonly #askedScopes = new Map<string, string[]>();
  readonly #credentials = new Map<string, Promise<Credential | undefined>>();
  readonly #tokens = new Map<string, { promise: Promise<Token>; token?: Token }>();
  /** Identity tokens that a token service has replaced. */
  readonly #identityTokens = new Map<string, string>();
  readonly #probes = new Map<string, Promise<Challenge[]>>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** What to send at first: nothing before the origin has asked. */
  async authorize(target: AuthTarget, signal?: AbortSignal): Promise<Authorization | undefined> {
    const scheme = this.#schemes.get(target.origin.origin);
    if (scheme === undefined) return undefined;
    return withAbort(this.#authorization(target, scheme, undefined), signal);
  }

  /**
   * What to send after a 401: the answer to its challenge, or undefined when there is none to give.
   * `rejected` is what was sent before; a token that was refused is fetched afresh, once.
   */
  async answer(
    target: AuthTarget,
    response: TransportResponse,
    rejected: Authorization | undefined,
    signal?: AbortSignal,
  ): Promise<Authorization | undefined> {
    let challenges = parseChallenges(headerLines(response.headers, 'www-authenticate'));
    // Some registries send a bare 401 from their real endpoints (GCR); the base endpoint tells.
    if (!challenges.some(isUsable)) challenges = await withAbort(this.#probe(target), signal);
    const scheme = this.#choose(challenges, target);
    if (scheme === undefined) return undefined;
    this.#schemes.set(target.origin.origin, scheme);
    const authorization = await withAbort(this.#authorization(target, scheme, rejected?.header), signal);
    return authorization?.header === rejected?.header ? undefined : authorization;
  }

  /** Whom the registry knows the user as; asked once per repository. */
  async credentialFor({ registry, repository }: AuthTarget): Promise<Credential | undefined> {
    const key = `${registry}/${repository ?? ''}`;
    const known = this.#credentials.get(key);
    if (known !== undefined) return known;
    const lookup = this.#options.credentials(registry, repository, this.#options.signal);
    this.#credentials.set(key, lookup);
    return lookup;
  }

  /** Bearer before Digest before Basic; a realm that must not be asked counts only when there is nothing else. */
  #choose(challenges: readonly Challenge[], target: AuthTarget): Scheme | undefined {
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'),
    );
    const other = withPassword(challenges);
    if (bearer === undefined) return other;
    let realm: URL;
    try {
      realm = checkRealm(bearer.parameters.get('realm') ?? '', target.origin, {
        ...this.#options,
        plainHTTP: this.#options.plainHTTP || target.insecure === true,
      });
    } catch (error) {
      if (other !== undefined) return other;
      throw error;
    }
    const asked = splitScopes(bearer.parameters.get('scope'));
    if (asked.length > 0) this.#askedScopes.set(scopeKey(target), unionScopes(target.scopes, asked));
    return { type: 'bearer', realm, service: bearer.parameters.get('service') };
  }

  async #authorization(
    target: AuthTarget,
    scheme: Scheme,
    rejected: string | undefined,
  ): Promise<Authorization | undefined> {
    const credential = await this.credentialFor(target);
    if (credential?.registryToken !== undefined) {
      return { header: `Bearer ${credential.registryToken}`, credential };
    }
    if (scheme.type === 'bearer') {
      return { header: `Bearer ${await this.#token(target, scheme, credential, rejected)}`, credential };
    }
    const { username, password } = credential ?? {};
    if (username === undefined || password === undefined) return undefined;
    if (scheme.type === 'digest') {
      const { challenge } = scheme;
      const count = ++scheme.uses;
      const login = { username, password };
      return { header: digestAuthorization(challenge, target.request, login, { count }), credential };
    }
    return { header: basic(username, password), credential };
  }

  async #token(
    target: AuthTarget,
    { realm, service }: Scheme & { type: 'bearer' },
    credential: Credential | undefined,
    rejected: string | undefined,
  ): Promise<string> {
    const scopes = this.#askedScopes.get(scopeKey(target)) ?? unionScopes(target.scopes);
    const identity = fingerprint(credential);
    const key = JSON.stringify([target.origin.origin, realm.href, service, identity, scopes]);
    const known = this.#tokens.get(key);
    const isStale =
      known?.token !== undefined &&
      (known.token.refreshAt <= this.#options.now() || `Bearer ${known.token.token}` === rejected);
    if (known !== undefined && !isStale) return (await known.promise).token;

    const { transport, userAgent, now, signal } = this.#options;
    const replaced = this.#identityTokens.get(identity);
    const current = credential && replaced ? { ...credential, identityToken: replaced } : credential;
    const entry: { promise: Promise<Token>; token?: Token } = {
      promise: fetchToken(
        transport,
        {
          realm,
          registry: target.registry,
          insecure: target.insecure,
          service,
          scopes,
          credential: current,
          userAgent,
          signal,
        },
        now,
      ).then(
        (token) => {
          entry.token = token;
          if (token.identityToken !== undefined && credential?.identityToken !== undefined) {
            this.#identityTokens.set(identity, token.identityToken);
          }
          return token;
        },
        (error: unknown) => {
          // A refusal stands for the run; what may pass is asked again.
          if (isRetryable(error) && this.#tokens.get(key) === entry) this.#tokens.delete(key);
          throw error;
        },
      ),
    };
    this.#tokens.set(key, entry);
    return (await entry.promise).token;
  }

  /** The challenges of the base endpoint, whatever its status: zot sends them with a 200. */
  #probe({ origin, registry, insecure }: AuthTarget): Promise<Challenge[]> {
    const known = this.#probes.get(origin.origin);
    if (known !== undefined) return known;
    const { transport, userAgent, signal } = this.#options;
    const probe = transport
      .send({
        method: 'GET',
        url: new URL(path.base(), origin),
        registry,
        insecure,
        headers: { 'user-agent': userAgent },
        signal,
      })
      .then(async ({ headers, body }) => {
        await discard(body);
        return parseChallenges(headerLines(headers, 'www-authenticate'));
      });
    this.#probes.set(origin.origin, probe);
    probe.catch(() => this.#probes.delete(origin.origin));
    return probe;
  }
}

function isUsable(challenge: Challenge): boolean {
  const { scheme, parameters } = challenge;
  if (scheme === 'bearer') return parameters.has('realm');
  return scheme === 'basic' || readDigestChallenge(challenge) !== undefined;
}

/** How a user's name and password are sent: of Digest's challenges, the first that is known is the server's preferred one. */
function withPassword(challenges: readonly Challenge[]): Scheme | undefined {
  const digest = challenges.map(readDigestChallenge).find((challenge) => challenge !== undefined);
  if (digest !== undefined) return { type: 'digest', challenge: digest, uses: 0 };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { type: 'basic' } : undefined;
}

function scopeKey({ origin, scopes }: AuthTarget): string {
  return `${origin.origin} ${unionScopes(scopes).join(' ')}`;
}

/** Tells credentials apart in keys without keeping the secret in them. */
function fingerprint(credential: Credential | undefined): string {
  if (credential === undefined) return '';
  const { username, password, identityToken } = credential;
  return createHash('sha256')
    .update(JSON.stringify([username, password, identityToken]))
    .digest('base64');
}
