import { LadingError } from '../../errors.js';

/** User → bcrypt hash. */
export type Htpasswd = ReadonlyMap<string, string>;

/** `$2y$05$` and 53 characters of salt and hash; `$2a$`, `$2b$` and `$2y$` name the same algorithm. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** Each step doubles the time; at 15, a check takes seconds. */
const MAX_COST = 15;

const HOW = "Create the line with Apache's htpasswd -B FILE USER, which asks for the password.";

/**
 * Parses Apache's htpasswd file. Only bcrypt is accepted, because a graphics card breaks the other hashes. Throws
 * `USAGE` with the number of the line but never its text: in a malformed file even the name may be a secret.
 */
export function parseHtpasswd(text: string, path: string): Htpasswd {
  const users = new Map<string, string>();
  const lines = new Map<string, number>();
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const wrong = (problem: string, hint = HOW): LadingError =>
      new LadingError('USAGE', `${path}, line ${index + 1}: ${problem}`, { hint });
    const colon = line.indexOf(':');
    if (colon < 1) throw wrong('it is not of the form USER:HASH');
    const user = line.slice(0, colon);
    const hash = line.slice(colon + 1).trimEnd();
    const cost = Number(BCRYPT.exec(hash)?.[1]);
    if (Number.isNaN(cost)) throw wrong(`the password is stored as ${kindOf(hash)}, not as bcrypt`);
    if (cost < 4 || cost > MAX_COST)
      throw wrong(
        `the cost of bcrypt is ${cost}, not 4 to ${MAX_COST}`,
        'Choose the cost with htpasswd -B -C COST; 10 is usual.',
      );
    const earlier = lines.get(user);
    if (earlier !== undefined)
      throw wrong(`the user is already on line ${earlier}`, 'Remove the outdated line.');
    lines.set(user, index + 1);
    users.set(user, hash);
  }
  return users;
}

function kindOf(hash: string): string {
  if (hash.startsWith('$apr1$') || hash.startsWith('$1$')) return 'MD5';
  if (hash.startsWith('{SHA}')) return 'SHA-1';
  if (hash.startsWith('$5$')) return 'SHA-256 crypt';
  if (hash.startsWith('$6$')) return 'SHA-512 crypt';
  if (hash.startsWith('$2')) return 'damaged bcrypt';
  return 'crypt or plain text';
}
