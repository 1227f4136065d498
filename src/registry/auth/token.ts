import { RegistryError, redactURL } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import { readBody } from '../http/body.js';
import { decodeIfPossible, readRefusal } from '../http/encoded-body.js';
import { sendFollowing } from '../http/redirect.js';
import type { TransportResponse } from '../http/response.js';
import { responseError } from '../http/response-error.js';
import type { Transport } from '../http/transport.js';
import type { Credential } from './credential.js';

/** A request for a token. */
export interface TokenRequest {
  realm: URL;
  /** The registry that named the token service. */
  registry: string;
  insecure?: boolean | undefined;
  service: string | undefined;
  scopes: readonly string[];
  /** Undefined requests an anonymous token, which public registries require. */
  credential: Credential | undefined;
  userAgent: string;
  signal?: AbortSignal | undefined;
}

export interface Token {
  token: string;
  /** Time from which a new token is needed, by our own clock. */
  refreshAt: number;
  /** A new identity token that replaces the one that was sent. */
  identityToken?: string | undefined;
}

const CLIENT_ID = 'lading';
const MAX_TOKEN_BYTES = 1024 * 1024;
/**
 * Lifetime of a token that does not state one; a shorter one is not believed. (distribution, "Token Authentication")
 */
const DEFAULT_LIFETIME_S = 60;
const MAX_MARGIN_S = 30;

/**
 * Requests a token: by POST with an identity token (OAuth2), else by GET, with Basic if there is a password. Throws
 * `UNAUTHORIZED` or `DENIED` if the credential is refused.
 */
export async function fetchToken(
  transport: Transport,
  request: TokenRequest,
  now: () => number,
): Promise<Token> {
  const { credential } = request;
  if (credential?.identityToken === undefined) return parseToken(await getToken(transport, request), now);
  const response = await postToken(transport, request, credential.identityToken);
  // Some services do not support POST (old GCR answers 404, others 405) and accept the identity token as a password.
  if ((response.status === 404 || response.status === 405) && credential.username !== undefined) {
    response.body.destroy();
    const asPassword = { ...credential, password: credential.identityToken };
    return parseToken(await getToken(transport, { ...request, credential: asPassword }), now);
  }
  return parseToken(response, now);
}

/** GETs a token. (distribution, "Token Authentication Specification") */
function getToken(transport: Transport, request: TokenRequest): Promise<TransportResponse> {
  const { realm, registry, insecure, service, scopes, credential, userAgent, signal } = request;
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = { 'user-agent': userAgent };
  if (credential?.username !== undefined && credential.password !== undefined) {
    url.searchParams.set('account', credential.username);
    headers.authorization = basic(credential.username, credential.password);
  }
  return sendFollowing(transport, { method: 'GET', url, registry, insecure, headers, signal });
}

/** Exchanges an identity token for a token. (distribution, "OAuth2 Token Authentication") */
function postToken(
  transport: Transport,
  { realm, registry, insecure, service, scopes, userAgent, signal }: TokenRequest,
  identityToken: string,
): Promise<TransportResponse> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: identityToken,
    client_id: CLIENT_ID,
  });
  if (service !== undefined) form.set('service', service);
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  const headers = { 'user-agent': userAgent, 'content-type': 'application/x-www-form-urlencoded' };
  // The body contains the secret, so redirects are not followed.
  const body = form.toString();
  return transport.send({ method: 'POST', url: realm, registry, insecure, headers, body, signal });
}

/** The value of `Authorization: Basic`. (RFC 7617) */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function parseToken(response: TransportResponse, now: () => number): Promise<Token> {
  const where = `token service ${redactURL(new URL(response.url.pathname, response.url))}`;
  if (response.status !== 200) {
    const body = await readRefusal(response);
    const error = responseError({ ...response, body }, where);
    if (error.status === 401 || error.status === 403 || isRetryable(error)) throw error;
    // Without the status, so that a missing token service does not look like a missing image.
    throw new RegistryError('REGISTRY', error.message, { cause: error });
  }
  const bytes = await readBody(
    response,
    MAX_TOKEN_BYTES,
    () => new RegistryError('TOO_LARGE', `${where}: its answer is larger than ${MAX_TOKEN_BYTES} bytes`),
  );
  const members = parseMembers(decodeIfPossible(bytes, response, MAX_TOKEN_BYTES));
  const token = text(members.get('access_token')) ?? text(members.get('token'));
  // The token becomes a header, so it must not contain other characters.
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
    throw new RegistryError('REGISTRY', `${where}: its answer does not contain a token`);
  }
  // A string is tolerated. `issued_at` is ignored because clocks behind an air gap differ.
  const lifetime = Number(members.get('expires_in') ?? DEFAULT_LIFETIME_S);
  const lifetimeS = Number.isFinite(lifetime) ? Math.max(lifetime, DEFAULT_LIFETIME_S) : DEFAULT_LIFETIME_S;
  const marginS = Math.min(MAX_MARGIN_S, lifetimeS / 4);
  return {
    token,
    refreshAt: now() + (lifetimeS - marginS) * 1000,
    identityToken: text(members.get('refresh_token')),
  };
}

function parseMembers(bytes: Buffer): Map<string, unknown> {
  try {
    const document: unknown = JSON.parse(bytes.toString('utf8'));
    return new Map(typeof document === 'object' && document !== null ? Object.entries(document) : []);
  } catch {
    return new Map(); // not JSON; reported as an answer without a token
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
