import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { createBasicAuthorization } from '../../../src/server/access/authorization.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import { ask, codesOf, serve } from '../../support/registry-server.js';

/** Returns the Basic header for `USER:PASSWORD`. */
const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`;

/** Returns a `compare` for hashes that contain the password; it records each comparison. */
function comparing(): { compare: (password: string, hash: string) => Promise<boolean>; compared: string[] } {
  const compared: string[] = [];
  return {
    compared,
    async compare(password, hash) {
      compared.push(`${password} ${hash}`);
      return hash === `hash of ${password}`;
    },
  };
}

const USERS = new Map([
  ['alice', 'hash of secret'],
  ['bob', 'hash of a:b'],
]);

describe('createBasicAuthorization', () => {
  it('lets in who knows the password, colons and all', async () => {
    const { compare } = comparing();
    const { authorize } = createBasicAuthorization(USERS, { compare });
    assert.equal(await authorize(basic('alice:secret'), 'here'), 'alice');
    assert.equal(await authorize(basic('bob:a:b').replace('Basic', 'bASIC '), 'here'), 'bob');
  });

  it('refuses all else with a challenge, and what is no credentials without a comparison', async () => {
    const { compare, compared } = comparing();
    const { authorize } = createBasicAuthorization(USERS, { compare });
    const refusal = {
      code: 'UNAUTHORIZED',
      status: 401,
      headers: { 'WWW-Authenticate': 'Basic realm="lading"' },
    };
    const malformed = [undefined, '', 'Basic', 'Basic !', 'Bearer abc', basic('alice'), basic(':secret')];
    for (const header of [...malformed, basic('alice:secret\0x'), `${basic('alice:secret')}, x`])
      await assert.rejects(authorize(header, 'here'), refusal, header);
    assert.deepEqual(compared, []);
    for (const wrong of ['alice:wrong', 'alice:', 'alice:a:b', 'Alice:secret'])
      await assert.rejects(authorize(basic(wrong), 'here'), refusal, wrong);
  });

  it('compares the password of an unknown user too, always with the same hash', async () => {
    const { compare, compared } = comparing();
    const { authorize } = createBasicAuthorization(USERS, { compare });
    for (const password of ['secret', 'a:b', 'x'])
      await assert.rejects(authorize(basic(`mallory:${password}`), 'here'), { status: 401 });
    assert.equal(compared.length, 3);
    assert.equal(new Set(compared.map((line) => line.replace(/.*(?=hash)/, ''))).size, 1);
  });

  it('remembers a right password for a while since it was shown, a wrong one never', async () => {
    const { compare, compared } = comparing();
    let nowMs = 0;
    const { authorize } = createBasicAuthorization(USERS, { compare, rememberMs: 1000, now: () => nowMs });
    for (nowMs of [0, 1, 999, 1998]) await authorize(basic('alice:secret'), 'here');
    assert.equal(compared.length, 1);
    await assert.rejects(authorize(basic('alice:wrong'), 'here'), { status: 401 });
    await assert.rejects(authorize(basic('alice:wrong'), 'here'), { status: 401 });
    assert.equal(compared.length, 3);
    nowMs = 2998;
    await authorize(basic('alice:secret'), 'here');
    assert.equal(compared.length, 4);
  });

  it('forgets what it remembered when the line of the user changes or goes', async () => {
    const { compare } = comparing();
    const { authorize, replaceUsers } = createBasicAuthorization(USERS, { compare });
    await authorize(basic('alice:secret'), 'here');
    replaceUsers(new Map([['alice', 'hash of new']]));
    await assert.rejects(authorize(basic('alice:secret'), 'here'), { status: 401 });
    await authorize(basic('alice:new'), 'here');
    replaceUsers(new Map());
    await assert.rejects(authorize(basic('alice:new'), 'here'), { status: 401 });
  });

  it('lets in nobody whose line changed while the password was compared', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { authorize, replaceUsers } = createBasicAuthorization(USERS, {
      compare: () => held.then(() => true),
    });
    const asked = authorize(basic('alice:secret'), 'here');
    replaceUsers(new Map());
    release();
    await assert.rejects(asked, { status: 401 });
  });

  it('does not take an old password for right by a comparison from before the users were replaced', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { authorize, replaceUsers } = createBasicAuthorization(USERS, {
      async compare(password, hash) {
        await held;
        return hash === `hash of ${password}`;
      },
    });
    const before = authorize(basic('alice:secret'), 'here');
    replaceUsers(new Map([['alice', 'hash of another']]));
    const after = authorize(basic('alice:secret'), 'here');
    release();
    await assert.rejects(before, { status: 401 });
    await assert.rejects(after, { status: 401 });
    assert.equal(await authorize(basic('alice:another'), 'here'), 'alice');
  });

  it('makes one comparison of the same password many times at once', async () => {
    const { compare, compared } = comparing();
    const { authorize } = createBasicAuthorization(USERS, { compare, maxChecks: 1 });
    await Promise.all(Array.from({ length: 20 }, () => authorize(basic('alice:secret'), 'here')));
    assert.equal(compared.length, 1);
  });
});

describe('guesses at passwords', () => {
  const tooMany = { code: 'TOOMANYREQUESTS', status: 429, headers: { 'Retry-After': '1' } };

  /** Returns a `compare` that finishes one comparison at each `step()`, and records which. */
  function stepping() {
    const waiting: { password: string; finish: () => void }[] = [];
    return {
      compared: [] as string[],
      compare(password: string, hash: string) {
        return new Promise<boolean>((resolve) => {
          waiting.push({ password, finish: () => resolve(hash === `hash of ${password}`) });
        });
      },
      /** Finishes the next comparison; returns false if there is none. */
      async step(): Promise<boolean> {
        const next = waiting.shift();
        if (next === undefined) return false;
        this.compared.push(next.password);
        next.finish();
        await turn();
        return true;
      },
    };
  }

  function refusedLater(promises: Promise<string>[]): void {
    for (const promise of promises) promise.catch(() => undefined); // they are refused in the end, which is tested elsewhere
  }

  it('wait for their turn, one compared at a time', async () => {
    const steps = stepping();
    const { authorize } = createBasicAuthorization(USERS, steps);
    refusedLater([1, 2, 3].map((guess) => authorize(basic(`alice:${guess}`), 'here')));
    await turn();
    assert.equal(await steps.step(), true);
    assert.deepEqual(steps.compared, ['1']);
  });

  it('do not keep out another user of the same address', async () => {
    const steps = stepping();
    const { authorize } = createBasicAuthorization(USERS, { ...steps, maxChecks: 64 }); // 4 of them from one address
    const guesses = Array.from({ length: 10 }, (_, guess) => authorize(basic(`alice:${guess}`), 'nat'));
    refusedLater(guesses);
    const good = authorize(basic('bob:a:b'), 'nat');
    await turn();
    for (const _ of [1, 2, 3]) await steps.step();
    assert.equal(await good, 'bob');
    assert.deepEqual(steps.compared, ['0', '1', 'a:b']);
    await assert.rejects(guesses.at(-1) ?? good, tooMany);
  });

  it('do not keep out a user of another address, from however many addresses they come', async () => {
    const steps = stepping();
    const { authorize } = createBasicAuthorization(USERS, { ...steps, maxChecks: 256 });
    for (let address = 0; address < 128; address++)
      refusedLater([1, 2, 3, 4].map((guess) => authorize(basic(`alice:${guess}-${address}`), `${address}`)));
    const good = authorize(basic('bob:a:b'), 'home');
    let isIn = false;
    good.then(() => {
      isIn = true;
    });
    await turn();
    while (!isIn && (await steps.step()));
    assert.equal(await good, 'bob');
    assert.ok(steps.compared.length <= 130, `${steps.compared.length} passwords were compared before`);
  });

  it('do not keep out who came in before, not even while nothing can be compared', async () => {
    const steps = stepping();
    const { authorize } = createBasicAuthorization(USERS, { ...steps, maxChecks: 16 });
    const first = authorize(basic('bob:a:b'), 'nat');
    await turn();
    await steps.step();
    assert.equal(await first, 'bob');
    refusedLater(
      Array.from({ length: 200 }, (_, guess) =>
        authorize(basic(`bob:${guess}`), guess % 2 ? 'nat' : `${guess}`),
      ),
    );
    for (const address of ['nat', 'elsewhere'])
      assert.equal(await authorize(basic('bob:a:b'), address), 'bob');
  });

  it('are refused beyond those that may wait, and not compared when nobody waits for them any more', async () => {
    const steps = stepping();
    const { authorize } = createBasicAuthorization(USERS, { ...steps, maxChecks: 16 });
    const gone = new AbortController();
    refusedLater([authorize(basic('alice:0'), 'here')]);
    const left = authorize(basic('alice:1'), 'here', gone.signal);
    await assert.rejects(authorize(basic('alice:2'), 'here'), tooMany);
    gone.abort();
    await assert.rejects(left, { name: 'AbortError' });
    refusedLater([authorize(basic('alice:3'), 'here')]);
    await turn();
    while (await steps.step());
    assert.deepEqual(steps.compared, ['0', '3']);
  });
});

describe('a server that asks for a password', () => {
  const { compare } = comparing();
  const secured = () =>
    serve({ a: createMemoryStore() }, { authorization: createBasicAuthorization(USERS, { compare }) });

  it('refuses every endpoint alike, and tells nothing of what there is', async () => {
    const served = await secured();
    const bodies = new Set<string>();
    for (const path of [
      '/v2/',
      '/v2/_catalog',
      '/v2/a/tags/list',
      '/v2/none/tags/list',
      '/v2/A',
      '/metrics',
      '/x',
    ]) {
      const reply = await served.ask(path);
      assert.deepEqual([reply.status, codesOf(reply)], [401, ['UNAUTHORIZED']], path);
      assert.equal(reply.headers['www-authenticate'], 'Basic realm="lading"');
      bodies.add(reply.body.toString());
    }
    assert.equal(bodies.size, 1);
    assert.equal((await served.ask('/healthz')).status, 200);
    await served.close();
  });

  it('lets in with the password, and the log tells whom', async () => {
    const users: unknown[] = [];
    const served = await serve(
      { a: createMemoryStore() },
      {
        authorization: createBasicAuthorization(USERS, { compare }),
        onRequest: ({ user }) => users.push(user),
      },
    );
    const headers = { Authorization: basic('alice:secret') };
    assert.equal((await served.ask('/v2/a/tags/list', { headers })).status, 200);
    assert.equal((await served.ask('/v2/a/tags/list')).status, 401);
    await served.close();
    assert.deepEqual(users, ['alice', undefined]);
  });

  it('answers before the body has come, and does not invite it', async () => {
    const served = await secured();
    const sent = request({
      ...{ host: '127.0.0.1', port: served.port, path: '/v2/a/blobs/uploads/', method: 'POST', agent: false },
      headers: { 'Content-Length': 10_000_000_000, Expect: '100-continue' },
    });
    let invited = false;
    sent.on('continue', () => {
      invited = true;
    });
    sent.flushHeaders();
    const [response] = await once(sent, 'response');
    assert.deepEqual([response.statusCode, response.headers.connection, invited], [401, 'close', false]);
    response.resume();
    await once(response, 'end');
    await served.close();
  });

  it('gives its answer to a client that sends its body all the same', async () => {
    const served = await secured();
    const body = Buffer.alloc(4_000_000);
    const reply = await ask(served.port, '/v2/a/blobs/uploads/', { method: 'POST', body });
    assert.deepEqual([reply.status, codesOf(reply)], [401, ['UNAUTHORIZED']]);
    await served.close();
  });
});
