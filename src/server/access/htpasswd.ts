import { LadingError } from '../../errors.js';

/** User → bcrypt hash. */
export type Htpasswd = ReadonlyMap<string, string>;

/** `$2y$05$` and 53 characters of salt and hash; `$2a$`, `$2b$` and `$2y$` name the same computation. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** A step more takes twice as long; at 15 a check takes seconds. */
const MAX_COST = 15;

const HOW = 'Make the line with htpasswd -B (Apache), which asks for the password: htpasswd -B FILE USER.';

/**
 * Reads Apache's file of users. Only bcrypt is taken: the other hashes are broken by a graphics card. Throws
 * `USAGE` with the number of the line, and never with what stands in it: in a wrong file the name may be a secret too.
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
    if (colon < 1) throw wrong('this is not USER:HASH');
    const user = line.slice(0, colon);
    const hash = line.slice(colon + 1).trimEnd();
    const cost = Number(BCRYPT.exec(hash)?.[1]);
    if (Number.isNaN(cost)) throw wrong(`the password is kept as ${kindOf(hash)}, not as bcrypt`);
    if (cost < 4 || cost > MAX_COST)
      throw wrong(
        `the cost of the bcrypt is ${cost}, not 4 to ${MAX_COST}`,
        'Choose the cost with htpasswd -B -C COST; 10 is usual.',
      );
    const earlier = lines.get(user);
    if (earlier !== undefined)
      throw wrong(`this is the user of line ${earlier} again`, 'Remove the line that is out of date.');
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
