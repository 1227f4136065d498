import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors.js';

/** Returns the uid under which this process creates files, or undefined if the system has no uids. */
export function thisUser(): number | undefined {
  return process.geteuid?.();
}

/** Describes a user for messages: `alice (uid 1001)`, or `uid 1001` if `/etc/passwd` has no name for it. (passwd(5)) */
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
