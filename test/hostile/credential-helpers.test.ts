import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { sendError, serve, type TestServer } from '../registry/http-server.js';
import { runCommand } from '../support/hostile/command.js';
import { useEnvironment } from '../support/hostile/run.js';
import { countAttack } from '../support/hostile/tally.js';
import { assertSafe, ESCAPES } from '../support/hostile/terminal.js';
import { useFolder } from '../support/temporary.js';

const GROUP = 'credential helpers';

describe('credential helpers that a configuration file names', () => {
  const path = useFolder();
  let registry: TestServer;
  const environment = useEnvironment(() => ({
    HOME: path(),
    PATH: `${path('bin')}:${process.env.PATH}`,
    DOCKER_CONFIG: path(),
    XDG_RUNTIME_DIR: path(),
    XDG_CONFIG_HOME: path(),
  }));
  before(async () => {
    registry = await serve((request, response) => {
      if (request.headers.authorization === undefined)
        sendError(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' });
      else sendError(response, 404, 'NAME_UNKNOWN');
    });
  });
  after(() => registry.close());
  beforeEach(async () => {
    registry.requests.length = 0;
    registry.headers.length = 0;
    await mkdir(path('bin'));
    environment.enter();
  });
  afterEach(() => environment.leave());

  /** A program that leaves a mark when it is run. */
  async function program(file: string, script: string): Promise<void> {
    await writeFile(file, `#!/bin/sh\ntouch '${path('run')}'\n${script}\n`);
    await chmod(file, 0o755);
  }

  async function ask(config: object): Promise<{ exit: number; stdout: string; stderr: string }> {
    await writeFile(path('config.json'), JSON.stringify(config));
    const told = await runCommand('ls', `${registry.host}/app`, '--json', '--retries', '0');
    assertSafe(told);
    return told;
  }

  const NAMES = [
    '../evil',
    '../../bin/evil',
    '/bin/evil',
    'a/b',
    'a\\b',
    '..',
    '.',
    '-rf',
    'a b',
    "x; touch 'run'",
    '$(touch run)',
    '`touch run`',
    'x|touch run',
    'x&&touch run',
    'x\ntouch run',
    'x\0y',
    'é',
    'evil\u202e',
    'x'.repeat(200),
  ];
  for (const name of NAMES) {
    for (const key of ['credsStore', 'credHelpers'] as const) {
      it(`are not run by the name ${JSON.stringify(name.slice(0, 20))} in ${key}`, async () => {
        const tally = countAttack(GROUP);
        await program(path('evil'), 'echo "{}"');
        await program(path('bin/evil'), 'echo "{}"');
        const config =
          key === 'credsStore' ? { credsStore: name } : { credHelpers: { [registry.host]: name } };
        const { exit, stdout } = await ask(config);
        assert.equal(exit, 2, stdout);
        assert.equal(JSON.parse(stdout).error.code, 'USAGE');
        assert.ok(!existsSync(path('run')), 'a program was run');
        assert.ok(!registry.headers.some(({ authorization }) => authorization !== undefined));
        tally.end('refused');
      });
    }
  }

  it('get the registry on standard input, never in their arguments', async () => {
    const tally = countAttack(GROUP);
    await program(
      path('bin/docker-credential-odd'),
      `echo "$*" > '${path('arguments')}'; cat > '${path('input')}'; echo '{}'`,
    );
    await ask({ credsStore: 'odd' });
    assert.equal(await readFile(path('arguments'), 'utf8'), 'get\n');
    assert.equal((await readFile(path('input'), 'utf8')).trim(), registry.host);
    tally.end('harmless');
  });

  const ANSWERS: Record<string, string> = {
    'that is no JSON': 'echo "not JSON, secret-word"',
    'that moves the cursor': `printf '%s' '${ESCAPES.replace(/[\0']/g, '')}'; exit 1`,
    'without end': 'yes',
    'of other types': `echo '{"Username":["a"],"Secret":{"b":1}}'`,
    'with a header in it': `printf '{"Username":"a","Secret":"b\\\\r\\\\nX-Pwned: 1"}'`,
  };
  for (const [what, script] of Object.entries(ANSWERS)) {
    it(`may give an answer ${what}`, async () => {
      const tally = countAttack(GROUP);
      await program(path('bin/docker-credential-odd'), script);
      const { exit, stdout } = await ask({ credsStore: 'odd' });
      assert.notEqual(exit, 0);
      assert.ok(!stdout.includes('secret-word'), stdout);
      assert.ok(!registry.headers.some((headers) => 'x-pwned' in headers));
      tally.end('refused');
    });
  }
});
