import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ask } from '../../src/cli/prompt.js';
import { type PrivateRegistry, startPrivateRegistry } from '../support/private-registry.js';
import type { Outcome } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { runLading } from './program.js';

describe('lading login, logout and auth', () => {
  const path = useFolder();
  let registry: PrivateRegistry;
  before(async () => {
    registry = await startPrivateRegistry('alice', 'secret word');
  });
  after(() => registry.close());

  async function run(args: string[], stdin = '', env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    const home = { HOME: path(), XDG_RUNTIME_DIR: path('run'), ...env };
    const outcome = await runLading([...args], { stdin, env: home });
    assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes('secret word'), 'a password is never shown');
    return outcome;
  }

  it('take a password from standard input, are used by other commands, and forget it', async () => {
    const { registry: host } = registry;
    const into = await run(['login', host, '-u', 'alice', '--password-stdin'], 'secret word\r\n');
    assert.equal(into.stderr, '');
    assert.equal(
      into.stdout,
      `logged in to ${host} as alice: stored in ${path('.docker/config.json')}, which only you can read but which is not encrypted\n`,
    );
    const listed = await run(['ls', host, '--json']);
    assert.equal(listed.code, 0, listed.stderr);
    const explained = await run(['auth', host]);
    assert.match(explained.stdout, new RegExp(`^${host}: alice with a password, from .*config\\.json\n`));
    const { places } = JSON.parse((await run(['auth', host, '--json'])).stdout);
    assert.deepEqual(places[2], {
      place: path('.docker/config.json'),
      state: 'used',
      username: 'alice',
      kind: 'password',
    });
    const out = await run(['logout', host]);
    assert.equal(out.stdout, `removed from ${path('.docker/config.json')}: ${host}\n`);
    assert.match((await run(['auth', host])).stdout, /: no login \(anonymous\)\n/);
    assert.equal((await run(['logout', host])).stdout, `there was no login for ${host}\n`);
    assert.equal((await run(['ls', host])).code, 6);
  });

  it('warn of a password on the command line', async () => {
    const { code, stderr } = await run(['login', registry.registry, '-u', 'alice', '-p', 'secret word']);
    assert.equal(code, 0);
    assert.match(stderr, /^warning: a password on the command line/);
  });

  it('take the password of LADING_PASSWORD', async () => {
    const env = { LADING_USERNAME: 'alice', LADING_PASSWORD: 'secret word' };
    const { code, stdout } = await run(['login', registry.registry, '--json'], '', env);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      registry: registry.registry,
      username: 'alice',
      stored: { file: path('.docker/config.json') },
      verified: true,
    });
  });

  it('store nothing when the password is wrong, and exit with 6', async () => {
    const { code, stderr } = await run(['login', registry.registry, '-u', 'alice', '--password-stdin'], 'x');
    assert.equal(code, 6);
    assert.match(stderr, /refused the login of alice\nhint: Check the name and the password/);
    await assert.rejects(readFile(path('.docker/config.json')), { code: 'ENOENT' });
  });

  const misused: [args: string[], message: RegExp][] = [
    [['login', 'a.example'], /there is no terminal.*\nhint: .*--password-stdin/],
    [['login', 'a.example', '-u', 'alice'], /there is no terminal/],
    [['login', 'a.example', '-u', 'alice', '--password-stdin'], /the password for alice is empty/],
    [['login', 'a.example', '-u', 'a', '-p', 'x', '--password-stdin'], /are two passwords/],
    [['logout', 'a.example', '--all'], /--all is for every registry/],
    [['auth'], /auth needs HOST/],
    [['auth', 'a b'], /"a b" is not a registry/],
  ];
  for (const [args, message] of misused) {
    it(`refuse ${args.join(' ')}`, async () => {
      const { code, stderr } = await run(args);
      assert.equal(code, 2);
      assert.match(stderr, message);
    });
  }
});

describe('ask', () => {
  it('shows what is typed, but not for a secret', async () => {
    for (const secret of [false, true]) {
      const [input, output] = [new PassThrough(), new PassThrough()];
      const answer = ask('Password: ', { input, output }, { secret });
      input.write('hush\r');
      assert.equal(await answer, 'hush');
      output.end();
      const shown = await text(output);
      assert.ok(shown.startsWith('Password: '));
      assert.equal(shown.includes('hush'), !secret);
    }
  });

  it('ends with an error when there is no answer, or the run is interrupted', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const answer = ask('Username: ', { input, output });
    input.end();
    await assert.rejects(answer, { code: 'USAGE' });
    const controller = new AbortController();
    const other = ask('Username: ', { input: new PassThrough(), output }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(other, { code: 'ABORTED' });
  });
});
