import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors.js';

/** The number of the user whose files this process makes; undefined where the system has no such numbers. */
export function thisUser(): number | undefined {
  return process.geteuid?.();
}

/** A user as messages name one: `alice (uid 1001)`, or `uid 1001` where `/etc/passwd` has no name. (passwd(5)) */
export async function describeUser(uid: number): Promise<string> {
  let passwd = '';
  try {
    passwd = await readFile('/etc/passwd', 'utf8');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
  const users = passwd.split('\n').map((line) => line.split(':'));
  const name = users.find(([, , number]) => number === String(uid))?.[0];
  return name ? `${name} (uid ${uid})` : `uid ${uid}`;
}
