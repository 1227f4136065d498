import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../threads.js';

/** Compares passwords with bcrypt hashes in a thread, one at a time and in order. */
export interface PasswordCheck {
  compare(password: string, hash: string): Promise<boolean>;
  /** Ends the thread; a running comparison rejects. */
  close(): Promise<void>;
}

/** The thread is started by the first check, and again by the first one after it has died. */
export function createPasswordCheck(): PasswordCheck {
  let thread: Worker | undefined;
  let latest: Promise<unknown> = Promise.resolve();

  async function compareNow(password: string, hash: string): Promise<boolean> {
    thread ??= startThread('server/access/password-worker');
    const used = thread;
    const settled = new AbortController();
    used.ref();
    try {
      const exited = once(used, 'exit', settled).then(() => {
        throw new Error('the thread that checks passwords ended');
      });
      const answer = once(used, 'message', settled).then(([matches]) => matches === true);
      used.postMessage({ password, hash });
      return await Promise.race([answer, exited]);
    } catch (error) {
      if (thread === used) thread = undefined;
      throw error;
    } finally {
      settled.abort();
      used.unref();
    }
  }

  return {
    compare(password, hash) {
      const compared = latest.then(() => compareNow(password, hash));
      latest = compared.catch(() => undefined); // its own caller gets the error
      return compared;
    },
    async close() {
      await thread?.terminate();
      thread = undefined;
    },
  };
}
