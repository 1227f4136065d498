import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../errors.js';
import { FairQueue } from '../fair-queue.js';
import { addressOf } from '../operational/client.js';
import { SharedWork } from '../shared-work.js';
import type { Htpasswd } from './htpasswd.js';

/** Lets a request in, or refuses it before anything else of it is looked at. */
export interface Authorization {
  /** Resolves with the user's name; throws the refusal. A check that waits is given up when `signal` aborts. */
  authorize(
    header: string | undefined,
    remoteAddress: string | undefined,
    signal?: AbortSignal | undefined,
  ): Promise<string>;
}

export interface BasicAuthorization extends Authorization {
  /** From now on these are the users; one whose line has changed has to show the new password. */
  replaceUsers(users: Htpasswd): void;
}

export interface BasicAuthorizationOptions {
  /** Whether a password belongs to a bcrypt hash; slow by design, and so not done in the thread that serves. */
  compare: (password: string, hash: string) => Promise<boolean>;
  /**
   * How long a password that was right is known without computing its hash again, since it was last shown. Default a
   * day. A user whose line changes has to show the new password at once.
   */
  rememberMs?: number | undefined;
  /** Checks that wait at once; of one address a sixteenth. Default 1024. */
  maxChecks?: number | undefined;
  now?: () => number;
}

const DAY_MS = 24 * 3600_000;
const DEFAULT_MAX_CHECKS = 1024;
/** So many addresses can fill the room in which checks wait. */
const ADDRESSES_IN_ROOM = 16;

/**
 * RFC 7617, over the users of an htpasswd file. Checks are slow by design, so they wait for their turn: addresses take
 * turns, and at one address the names that are tried, so that a good user gets in beside any number of guesses at
 * another's password.
 */
export function createBasicAuthorization(
  initialUsers: Htpasswd,
  { compare, rememberMs = DAY_MS, maxChecks = DEFAULT_MAX_CHECKS, now = Date.now }: BasicAuthorizationOptions,
): BasicAuthorization {
  let users = initialUsers;
  /** Of this process only, so that nothing that is kept in memory gives a password away. */
  const key = randomBytes(32);
  /** At most one for each line of the file. */
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

  /** The same password many times at once (a pull asks for many blobs) is one check. */
  function check(
    { user, password }: Credentials,
    mac: Buffer,
    { address, signal }: { address: string; signal: AbortSignal | undefined },
  ): Promise<boolean> {
    // With the hash: after the users were replaced, an earlier comparison says nothing.
    const name = `${mac.toString('base64')} ${users.get(user) ?? ''}`;
    const turn = { client: address, lane: user };
    return checks.join(name, (stop) => queue.run(turn, () => compareAsAny(user, password), stop), signal);
  }

  /**
   * A user who is not there costs what one costs who is: the password is compared with the hash of another, always
   * the same one, and the outcome does not count. A hash made for the purpose would have a cost of its own.
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

/** What is known of a user who showed the right password. */
interface Remembered {
  mac: Buffer;
  /** The line of the file that it was checked against. */
  hash: string;
  untilMs: number;
}

/** Undefined for everything but well-formed credentials. A password may have colons, a name may not. (RFC 7617, 2) */
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
  return new Refusal('TOOMANYREQUESTS', 'too many passwords wait to be checked', {
    headers: { 'Retry-After': '1' },
  });
}
