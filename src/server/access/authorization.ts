import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../errors.js';
import { FairQueue } from '../fair-queue.js';
import { addressOf } from '../operational/client.js';
import { SharedWork } from '../shared-work.js';
import type { Htpasswd } from './htpasswd.js';

/** Admits or refuses a request before anything else is done with it. */
export interface Authorization {
  /**
   * Resolves with the user's name; rejects with a `Refusal`. A check that is still waiting is dropped when `signal`
   * aborts.
   */
  authorize(
    header: string | undefined,
    remoteAddress: string | undefined,
    signal?: AbortSignal | undefined,
  ): Promise<string>;
}

export interface BasicAuthorization extends Authorization {
  /** Replaces the users; those whose line has changed must send the new password. */
  replaceUsers(users: Htpasswd): void;
}

export interface BasicAuthorizationOptions {
  /**
   * Whether a password matches a bcrypt hash. This is slow by design, so it must not run in the thread that serves
   * requests.
   */
  compare: (password: string, hash: string) => Promise<boolean>;
  /**
   * How long after its last use a correct password is remembered, so that its hash is not computed again. Default: a
   * day. If a user's line changes, the new password is needed at once.
   */
  rememberMs?: number | undefined;
  /** Maximum number of waiting checks; a sixteenth of them may be from one address. Default 1024. */
  maxChecks?: number | undefined;
  now?: () => number;
}

const DAY_MS = 24 * 3600_000;
const DEFAULT_MAX_CHECKS = 1024;
/** Number of addresses that together can fill the queue of checks. */
const ADDRESSES_IN_ROOM = 16;

/**
 * Returns Basic authorization (RFC 7617) for the users of an htpasswd file. Checks are slow by design, so they are
 * queued. Addresses take turns, and so do the user names tried from one address, so that a legitimate user gets in
 * despite any number of guesses at another user's password.
 */
export function createBasicAuthorization(
  initialUsers: Htpasswd,
  { compare, rememberMs = DAY_MS, maxChecks = DEFAULT_MAX_CHECKS, now = Date.now }: BasicAuthorizationOptions,
): BasicAuthorization {
  let users = initialUsers;
  /** A random key for this process, so that the values in memory do not reveal passwords. */
  const key = randomBytes(32);
  /** At most one entry per line of the file. */
  const remembered = new Map<string, Remembered>();
  const checks = new SharedWork<string, boolean>();
  const queue = new FairQueue({
    concurrency: 1,
    most: maxChecks,
    mostOfClient: Math.max(1, Math.ceil(maxChecks / ADDRESSES_IN_ROOM)),
    refuse: tooManyChecks,
  });

  function isRemembered(user: string, mac: Buffer): boolean {
    const known = remembered.get(user);
    if (known === undefined) return false;
    if (known.untilMs <= now() || known.hash !== users.get(user)) {
      remembered.delete(user);
      return false;
    }
    if (!timingSafeEqual(known.mac, mac)) return false;
    known.untilMs = now() + rememberMs;
    return true;
  }

  /** Concurrent checks of the same password are done once (a pull requests many blobs). */
  function check(
    { user, password }: Credentials,
    mac: Buffer,
    { address, signal }: { address: string; signal: AbortSignal | undefined },
  ): Promise<boolean> {
    // The key includes the hash: a comparison from before a change of the users must not count.
    const name = `${mac.toString('base64')} ${users.get(user) ?? ''}`;
    const turn = { client: address, lane: user };
    return checks.join(name, (stop) => queue.run(turn, () => compareAsAny(user, password), stop), signal);
  }

  /**
   * Takes as long for an unknown user as for a known one: the password is compared with another user's hash, always the
   * same one, and the result is ignored. A hash made up for this would have a cost of its own.
   */
  async function compareAsAny(user: string, password: string): Promise<boolean> {
    const hash = users.get(user);
    const hashes = [...users.values()];
    const compared = hash ?? hashes[macOf(key, user).readUInt32BE() % hashes.length];
    return compared !== undefined && (await compare(password, compared)) && hash !== undefined;
  }

  return {
    async authorize(header, remoteAddress, signal) {
      const credentials = parseBasic(header);
      if (credentials === undefined) throw unauthorized('authentication required');
      const { user } = credentials;
      const mac = macOf(key, `${user}:${credentials.password}`);
      if (isRemembered(user, mac)) return user;
      const hash = users.get(user);
      const address = addressOf(remoteAddress);
      const isRight = await check(credentials, mac, { address, signal });
      if (!isRight || hash === undefined || hash !== users.get(user))
        throw unauthorized('wrong user name or password');
      remembered.set(user, { mac, hash, untilMs: now() + rememberMs });
      return user;
    },
    replaceUsers(next) {
      users = next;
      for (const [user, { hash }] of remembered) if (hash !== users.get(user)) remembered.delete(user);
    },
  };
}

interface Credentials {
  user: string;
  password: string;
}

/** A user who has sent the right password. */
interface Remembered {
  mac: Buffer;
  /** The hash in the file with which the password was compared. */
  hash: string;
  untilMs: number;
}

/**
 * Parses Basic credentials; undefined if they are malformed. A password may contain colons, a name may not. (RFC 7617,
 * 2)
 */
function parseBasic(header: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 forbids them, and bcrypt ends at a NUL
  if (colon < 1 || /[\u0000-\u001f\u007f]/.test(decoded)) return undefined;
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function macOf(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function unauthorized(message: string): Refusal {
  return new Refusal('UNAUTHORIZED', message, { headers: { 'WWW-Authenticate': 'Basic realm="lading"' } });
}

function tooManyChecks(): Refusal {
  return new Refusal('TOOMANYREQUESTS', 'too many passwords are waiting to be checked', {
    headers: { 'Retry-After': '1' },
  });
}
