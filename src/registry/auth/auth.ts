import { createHash } from 'node:crypto';
import { isRetryable } from '../../retry.js';
import { withAbort } from '../http/abort.js';
import { discard } from '../http/body.js';
import { headerLines } from '../http/headers.js';
import type { TransportResponse } from '../http/response.js';
import type { PlainHTTP } from '../http/scheme.js';
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

/** The destination of a request, and the access that it needs. */
export interface AuthTarget {
  /** Scheme, host and port. Credentials are sent only to it and to its token service. */
  origin: URL;
  /** The registry's name, by which credentials are looked up. */
  registry: string;
  repository: string | undefined;
  /** Scopes that the request needs. */
  scopes: readonly string[];
  /** Whether http and certificates of unknown authorities are allowed, also for the token service. */
  insecure?: boolean | undefined;
  /** The request itself, for schemes whose answer is valid for one request only. */
  request: DigestedRequest;
}

/** The Authorization header of a request, and the credential behind it. */
export interface Authorization {
  header: string;
  /** Undefined for a token that was issued anonymously. */
  credential: Credential | undefined;
}

export interface AuthOptions {
  transport: Transport;
  credentials: CredentialProvider;
  userAgent: string;
  /** Whether the user chose http, which is then allowed for token services too. */
  plainHTTP: PlainHTTP;
  /** Whether the token service may be at an address of a private network. */
  privateAddresses?: boolean | undefined;
  now: () => number;
  /** Aborts work that several requests share. A request's own signal only ends its waiting for it. */
  signal: AbortSignal;
}

/** The authentication that an origin asked for in its last challenge. */
type Scheme =
  | { type: 'basic' }
  /** `uses` counts the requests that were answered with the nonce. */
  | { type: 'digest'; challenge: DigestChallenge; uses: number }
  | { type: 'bearer'; realm: URL; service: string | undefined };

/**
 * Authenticates requests. It remembers each origin's authentication scheme once the origin has asked for it, and keeps
 * the tokens of the run: one for each origin, credential and set of scopes. Requests that need the same token share one
 * request for it.
 */
export class Authenticator {
  readonly #options: AuthOptions;
  readonly #schemes = new Map<string, Scheme>();
  /** Scopes from an origin's challenge, merged with those we expected to need; the key contains the latter. */
  readonly #askedScopes = new Map<string, string[]>();
  readonly #credentials = new Map<string, Promise<Credential | undefined>>();
  readonly #tokens = new Map<string, { promise: Promise<Token>; token?: Token }>();
  /** New identity tokens from token services, by the fingerprint of the original credential. */
  readonly #identityTokens = new Map<string, string>();
  readonly #probes = new Map<string, Promise<Challenge[]>>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** Returns what to send with the first attempt: nothing until the origin has sent a challenge. */
  async authorize(target: AuthTarget, signal?: AbortSignal): Promise<Authorization | undefined> {
    const scheme = this.#schemes.get(target.origin.origin);
    if (scheme === undefined) return undefined;
    return withAbort(this.#authorization(target, scheme, undefined), signal);
  }

  /**
   * Returns what to send after a 401, or undefined if its challenge cannot be answered. `rejected` is what was sent
   * before; a token that was refused is fetched again, once.
   */
  async answer(
    target: AuthTarget,
    response: TransportResponse,
    rejected: Authorization | undefined,
    signal?: AbortSignal,
  ): Promise<Authorization | undefined> {
    let challenges = parseChallenges(headerLines(response.headers, 'www-authenticate'));
    // Some registries (GCR) send a 401 without a challenge from their real endpoints; the base endpoint has one.
    if (!challenges.some(isUsable)) challenges = await withAbort(this.#probe(target), signal);
    const scheme = this.#choose(challenges, target);
    if (scheme === undefined) return undefined;
    this.#schemes.set(target.origin.origin, scheme);
    const authorization = await withAbort(this.#authorization(target, scheme, rejected?.header), signal);
    return authorization?.header === rejected?.header ? undefined : authorization;
  }

  /** Returns the user's credential, which is looked up once per repository. */
  async credentialFor({ registry, repository }: AuthTarget): Promise<Credential | undefined> {
    const key = `${registry}/${repository ?? ''}`;
    const known = this.#credentials.get(key);
    if (known !== undefined) return known;
    const lookup = this.#options.credentials(registry, repository, this.#options.signal);
    this.#credentials.set(key, lookup);
    return lookup;
  }

  /** Prefers Bearer to Digest to Basic. A realm that must not be contacted is an error only if nothing else is offered. */
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
        plainHTTP: this.#options.plainHTTP(target.registry) || target.insecure === true,
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
          // A refusal is kept for the run; after an error that may be temporary, the token is requested again.
          if (isRetryable(error) && this.#tokens.get(key) === entry) this.#tokens.delete(key);
          throw error;
        },
      ),
    };
    this.#tokens.set(key, entry);
    return (await entry.promise).token;
  }

  /** Returns the challenges of the base endpoint, whatever its status: zot sends them with a 200. */
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

/**
 * Chooses a scheme for a user name and password: the first known Digest challenge, since servers list the preferred one
 * first, else Basic.
 */
function withPassword(challenges: readonly Challenge[]): Scheme | undefined {
  const digest = challenges.map(readDigestChallenge).find((challenge) => challenge !== undefined);
  if (digest !== undefined) return { type: 'digest', challenge: digest, uses: 0 };
  return challenges.some(({ scheme }) => scheme === 'basic') ? { type: 'basic' } : undefined;
}

function scopeKey({ origin, scopes }: AuthTarget): string {
  return `${origin.origin} ${unionScopes(scopes).join(' ')}`;
}

/** Identifies a credential in the keys of maps, without containing the secret. */
function fingerprint(credential: Credential | undefined): string {
  if (credential === undefined) return '';
  const { username, password, identityToken } = credential;
  return createHash('sha256')
    .update(JSON.stringify([username, password, identityToken]))
    .digest('base64');
}
