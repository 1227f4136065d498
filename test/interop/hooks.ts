import type { Context, RootHookObject } from 'mocha';
import { leaveWorkplace } from '../support/programs/workplace.js';

let failed = false;

/** Stops everything that the tests started, once, after the last of them. */
export const mochaHooks: RootHookObject = {
  afterEach(this: Context) {
    failed ||= this.currentTest?.state === 'failed';
  },
  async afterAll(this: Context) {
    this.timeout(60_000);
    const logs = await leaveWorkplace(failed);
    if (logs !== undefined) console.error(`\n  The logs of the programs are kept in ${logs}`);
  },
};
