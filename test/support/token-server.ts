import { createSign, randomUUID, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Certificate, makeCertificate } from './certificates.js';

export interface TokenServerOptions {
  /** The passwords of the users; if not given, no login is required. */
  users?: Record<string, string>;
  /** The seconds until a token is refused, which may differ from `toldLifetimeS`; default an hour. */
  lifetimeS?: number;
  /** The lifetime in the answer to the client; default `lifetimeS`. */
  toldLifetimeS?: number;
  /** Chooses which of the requested actions are granted; default all. */
  grant?: (repository: string, actions: string[]) => string[];
}

export interface TokenServer {
  /** `http://127.0.0.1:PORT/token` */
  realm: string;
  service: string;
  issuer: string;
  /** PEM; a registry that trusts it accepts the tokens. (docker-registry, `rootcertbundle`) */
  certificate: string;
  /** The requests, with their scopes separated by spaces: `GET repository:a:pull`. */
  requests: string[];
  /**
   * Returns the challenge for a request without a token for `scope` (`repository:a:pull,push`); undefined if it has
   * one.
   */
  challengeFor(request: IncomingMessage, scope: string): string | undefined;
  /** Makes `challengeFor` refuse all tokens issued so far. */
  expireAll(): void;
  close(): Promise<void>;
}

interface Access {
  type: string;
  name: string;
  actions: string[];
}

/** docker-registry accepts tokens for a minute after they expire. (distribution, registry/auth/token, `Leeway`) */
const LEEWAY_S = 60;

/**
 * Starts a server that issues tokens as Docker's token services do, by GET and POST. (distribution, "Token
 * Authentication")
 */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { lifetimeS = 3600, grant = (_, actions) => actions } = options;
  const certificate = makeCertificate();
  const service = 'registry.test';
  const issuer = 'lading tests';
  const requests: string[] = [];
  const valid = new Map<string, Access[]>();

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const form = new URLSearchParams(request.method === 'POST' ? await text(request) : url.search);
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '));
    requests.push(`${request.method} ${scopes.join(' ')}`);
    if (!isKnown(request, form)) {
      response.writeHead(401).end(JSON.stringify({ details: 'incorrect username or password' }));
      return;
    }
    const access = scopes.map(parseScope).map(({ type, name, actions }) => {
      return { type, name, actions: grant(name, actions) };
    });
    const now = Math.floor(Date.now() / 1000);
    const token = sign(certificate, {
      iss: issuer,
      sub: 'somebody',
      aud: service,
      jti: randomUUID(),
      iat: now,
      nbf: now - 3600,
      exp: now + lifetimeS - LEEWAY_S,
      access,
    });
    valid.set(token, access);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ token, access_token: token, expires_in: options.toldLifetimeS ?? lifetimeS }),
    );
  });

  function isKnown(request: IncomingMessage, form: URLSearchParams): boolean {
    if (options.users === undefined) return true;
    const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const [, user = '', password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    if (options.users[user] !== undefined && options.users[user] === password) return true;
    return Object.values(options.users).includes(form.get('refresh_token') ?? '');
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, not a pipe
  const realm = `http://127.0.0.1:${port}/token`;

  return {
    realm,
    service,
    issuer,
    certificate: certificate.cert,
    requests,
    challengeFor({ headers }, scope) {
      const granted = valid.get((headers.authorization ?? '').replace(/^Bearer /, '')) ?? [];
      const { name, actions } = parseScope(scope);
      const allowed = granted.filter((access) => access.name === name).flatMap((access) => access.actions);
      if (actions.every((action) => allowed.includes(action))) return undefined;
      return `Bearer realm="${realm}",service="${service}",scope="${scope}"`;
    },
    expireAll: () => valid.clear(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parseScope(scope: string): Access {
  const [, type = '', name = '', actions = ''] = /^([^:]+):(.+):([^:]*)$/.exec(scope) ?? [];
  return { type, name, actions: actions.split(',') };
}

/** Returns a JWT that docker-registry trusts, because it contains a certificate from its bundle. (libtrust, `x5c`) */
function sign({ cert, key }: Certificate, claims: object): string {
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  const signature = createSign('SHA256').update(signed).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
