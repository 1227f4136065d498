import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import type { CopyEvent } from '../../../src/events.js';
import { type LoginOptions, login, logout, parseHost } from '../../../src/operations/login/login.js';
import { sendJSON, serve } from '../../registry/http-server.js';
import { warningsInto } from '../../support/events.js';
import { needs } from '../../support/needs.js';
import { MALLORY, plantFile, plantLink } from '../../support/planting.js';
import { type PrivateRegistry, startPrivateRegistry } from '../../support/private-registry.js';
import { useFolder } from '../../support/temporary.js';
import { startTokenServer } from '../../support/token-server.js';

const USER = { username: 'alice', password: 'a:secret' };
const AUTH = Buffer.from('alice:a:secret').toString('base64');

const path = useFolder();
let registry: PrivateRegistry;
before(async () => {
  registry = await startPrivateRegistry(USER.username, USER.password);
});
after(() => registry.close());

/** A user with nothing but the test's own folder. */
const user = (environment: NodeJS.ProcessEnv = {}) => ({
  home: path('home'),
  uid: 4711,
  platform: 'linux' as const,
  environment: { XDG_RUNTIME_DIR: path('run'), ...environment },
});

async function signIn(options: Partial<LoginOptions> = {}, host = registry.registry) {
  const warnings: string[] = [];
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  return { ...(await login(host, { ...USER, places: user(), retries: 0, onEvent, ...options })), warnings };
}

async function write(file: string, document: unknown): Promise<string> {
  const full = path(file);
  await mkdir(full.slice(0, full.lastIndexOf('/')), { recursive: true });
  await writeFile(full, typeof document === 'string' ? document : JSON.stringify(document));
  return full;
}

const read = async (file: string): Promise<unknown> => JSON.parse(await readFile(path(file), 'utf8'));

/** A helper that keeps its secrets in a file, and notes what it was told. */
async function installHelper(suffix: string): Promise<NodeJS.ProcessEnv> {
  const file = await write(
    `bin/docker-credential-${suffix}`,
    `#!/bin/sh\ncase $1 in
store) cat > '${path(suffix)}' ;;
get) cat >/dev/null; cat '${path(suffix)}' 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) cat > '${path(`${suffix}-erased`)}'; rm -f '${path(suffix)}' ;;
esac\n`,
  );
  await chmod(file, 0o755);
  return { PATH: `${path('bin')}${delimiter}${process.env.PATH}` };
}

describe('login', () => {
  it("stores a login that is right in docker's file, for its owner alone", async () => {
    const result = await signIn();
    const file = path('home/.docker/config.json');
    assert.deepEqual(result, {
      registry: registry.registry,
      username: 'alice',
      stored: { file },
      verified: true,
      warnings: [],
    });
    assert.deepEqual(await read('home/.docker/config.json'), {
      auths: { [registry.registry]: { auth: AUTH } },
    });
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(path('home/.docker'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(path('home/.docker')), ['config.json']);
  });

  it('stores nothing when the registry refuses the login, and does not repeat the password', async () => {
    await assert.rejects(signIn({ password: 'wrong-one' }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'UNAUTHORIZED');
      assert.equal(error.message, `${registry.registry} refused the login of alice`);
      assert.ok(!JSON.stringify([error, error.cause]).includes('wrong-one'));
      return true;
    });
    await assert.rejects(stat(path('home')), { code: 'ENOENT' });
  });

  it('shows the login to a token service, without asking for any right', async () => {
    const tokens = await startTokenServer({ users: { alice: USER.password } });
    const server = await serve((request, response) => {
      const isKnown = request.headers.authorization?.startsWith('Bearer ') === true;
      const challenge = `Bearer realm="${tokens.realm}",service="${tokens.service}"`;
      sendJSON(response, {}, isKnown ? {} : { status: 401, headers: { 'www-authenticate': challenge } });
    });
    try {
      assert.equal((await signIn({}, server.host)).verified, true);
      await assert.rejects(signIn({ password: 'x' }, server.host), { code: 'UNAUTHORIZED' });
      assert.deepEqual(tokens.requests, ['GET ', 'GET ']);
    } finally {
      await server.close();
      await tokens.close();
    }
  });

  it('says that it could not be checked where everybody is let in', async () => {
    const server = await serve((_request, response) => sendJSON(response, {}));
    try {
      const { verified, warnings } = await signIn({}, server.host);
      assert.equal(verified, false);
      assert.match(warnings[0] ?? '', /allows anonymous access/);
    } finally {
      await server.close();
    }
  });

  it('keeps other members and the link that a file is, and makes one entry of several', async () => {
    const real = await write('kept/docker.json', {
      HttpHeaders: { A: 'b' },
      auths: { 'o.example': { auth: 'eDp5' }, [`https://${registry.registry}/v2/`]: { auth: 'eDp5' } },
      credHelpers: {},
    });
    await mkdir(path('home/.docker'), { recursive: true });
    await symlink(real, path('home/.docker/config.json'));
    await signIn();
    assert.ok((await lstat(path('home/.docker/config.json'))).isSymbolicLink());
    assert.deepEqual(await read('kept/docker.json'), {
      HttpHeaders: { A: 'b' },
      auths: { 'o.example': { auth: 'eDp5' }, [registry.registry]: { auth: AUTH } },
      credHelpers: {},
    });
  });

  const CHOICES: [
    what: string,
    files: Record<string, object>,
    environment: () => NodeJS.ProcessEnv,
    chosen: string,
  ][] = [
    ["docker's file where there is none", {}, () => ({}), 'home/.docker/config.json'],
    [
      "docker's file where there are both",
      { 'run/containers/auth.json': {}, 'home/.docker/config.json': {} },
      () => ({}),
      'home/.docker/config.json',
    ],
    [
      "podman's file where there is only that",
      { 'run/containers/auth.json': {} },
      () => ({}),
      'run/containers/auth.json',
    ],
    ['the folder of DOCKER_CONFIG', {}, () => ({ DOCKER_CONFIG: path('d') }), 'd/config.json'],
    [
      'the file of REGISTRY_AUTH_FILE',
      { 'home/.docker/config.json': {} },
      () => ({ REGISTRY_AUTH_FILE: path('only.json') }),
      'only.json',
    ],
  ];
  for (const [what, files, environment, chosen] of CHOICES) {
    it(`chooses ${what}`, async () => {
      for (const [file, document] of Object.entries(files)) await write(file, document);
      const { stored } = await signIn({ places: user(environment()) });
      assert.equal(stored.file, path(chosen));
    });
  }

  it('chooses the file that has a login for the registry, which would win over another', async () => {
    await write('home/.docker/config.json', {});
    await write('home/.config/containers/auth.json', { auths: { [registry.registry]: { auth: 'eDp5' } } });
    const { stored, warnings } = await signIn();
    assert.equal(stored.file, path('home/.config/containers/auth.json'));
    assert.deepEqual(warnings, []);
  });

  it('says when a variable hides what was stored', async () => {
    const DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { [registry.registry]: { auth: 'eDp5' } } });
    const { warnings } = await signIn({ places: user({ DOCKER_AUTH_CONFIG }) });
    assert.deepEqual(warnings, [
      `the login is stored, but for ${registry.registry} DOCKER_AUTH_CONFIG is used`,
    ]);
  });

  it('makes the file that --authfile names', async () => {
    const authFile = path('new/auth.json');
    assert.equal((await signIn({ places: { ...user(), authFile } })).stored.file, authFile);
  });

  for (const member of ['credsStore', 'credHelpers'] as const) {
    it(`gives the secret to the helper of ${member}, as docker does`, async () => {
      const environment = await installHelper('own');
      await write('home/.docker/config.json', {
        [member]: member === 'credsStore' ? 'own' : { [registry.registry]: 'own' },
      });
      const { stored, warnings } = await signIn({ places: user(environment) });
      assert.equal(stored.helper, 'docker-credential-own');
      assert.deepEqual(warnings, []);
      assert.deepEqual(await read('own'), {
        ServerURL: registry.registry,
        Username: 'alice',
        Secret: 'a:secret',
      });
      assert.ok(!(await readFile(path('home/.docker/config.json'), 'utf8')).includes(AUTH));
      const { removed } = await logout(registry.registry, { places: user(environment) });
      assert.deepEqual(removed[0]?.helpers, ['docker-credential-own']);
      assert.equal(await readFile(path('own-erased'), 'utf8'), registry.registry);
    });
  }

  it('fails, and changes no file, when the helper does', async () => {
    const file = await write('home/.docker/config.json', { credsStore: 'missing' });
    await assert.rejects(signIn(), { code: 'IO', message: /docker-credential-missing/ });
    assert.equal(await readFile(file, 'utf8'), '{"credsStore":"missing"}');
  });

  it('never replaces a file that it does not understand', async () => {
    const file = await write('home/.docker/config.json', '// mine\n{}');
    await assert.rejects(signIn(), { code: 'USAGE' });
    assert.equal(await readFile(file, 'utf8'), '// mine\n{}');
  });

  it('loses none of two logins at the same time', async () => {
    const other = await startPrivateRegistry(USER.username, USER.password);
    try {
      await Promise.all([signIn(), signIn({}, other.registry)]);
      const { auths } = (await read('home/.docker/config.json')) as { auths: object };
      assert.deepEqual(Object.keys(auths).sort(), [registry.registry, other.registry].sort());
    } finally {
      await other.close();
    }
  });

  it('takes a registry as docker and browsers write it, and refuses what is none', () => {
    for (const [text, host] of [
      ['docker.io', 'docker.io'],
      ['https://index.docker.io/v1/', 'docker.io'],
      ['registry-1.docker.io', 'docker.io'],
      ['http://reg.example:5000/', 'reg.example:5000'],
      ['reg.example/v2', 'reg.example'],
    ] as const)
      assert.equal(parseHost(text), host);
    for (const text of ['', 'a b', 'reg.example/team', 'ftp://x', 'a:b'])
      assert.throws(() => parseHost(text), { code: 'USAGE' }, text);
  });
});

describe('a login in a folder that others may write to', () => {
  it('is put by no link, into no pipe and into no file that another user has put there', async function () {
    needs(this, 'root', 'mkfifo');
    const own = await write('home/own.json', { auths: {} });
    const authFile = path('auth.json');
    const places = { ...user(), authFile };
    const plants = [
      () => plantLink(authFile, own),
      () => plantFile(authFile, JSON.stringify({ credsStore: 'mallory' })),
      async () => execFileSync('mkfifo', [authFile]),
    ];
    for (const plant of plants) {
      await rm(authFile, { force: true });
      await plant();
      const before = await lstat(authFile);
      await assert.rejects(signIn({ places }), (error: Error) => {
        assert.match(error.message, /auth\.json.*(?:of uid 4711|it is not a file)/);
        return true;
      });
      assert.equal((await lstat(authFile)).ino, before.ino);
    }
    assert.deepEqual(await read('home/own.json'), { auths: {} });
  });

  it("is put into the file of the folder's owner by root, as before", async function () {
    needs(this, 'root');
    const file = await write('home/.docker/config.json', { auths: {} });
    for (const place of [file, dirname(file)]) await chown(place, MALLORY, MALLORY);
    await signIn();
    assert.deepEqual(await read('home/.docker/config.json'), {
      auths: { [registry.registry]: { auth: AUTH } },
    });
  });
});

describe('logout', () => {
  const own = () => ({ [registry.registry]: { auth: AUTH } });

  it('forgets a registry in every file that is looked at, and nothing else', async () => {
    await write('run/containers/auth.json', { auths: own(), credHelpers: {} });
    await write('home/.docker/config.json', {
      auths: { ...own(), [`https://${registry.registry}`]: {}, 'o.example': { auth: 'eDp5' } },
    });
    const { removed } = await logout(registry.registry, { places: user() });
    assert.deepEqual(
      removed.map(({ file, keys }) => [file, keys]),
      [
        [path('run/containers/auth.json'), [registry.registry]],
        [path('home/.docker/config.json'), [registry.registry, `https://${registry.registry}`]],
      ],
    );
    assert.deepEqual(await read('run/containers/auth.json'), { auths: {}, credHelpers: {} });
    assert.deepEqual(await read('home/.docker/config.json'), { auths: { 'o.example': { auth: 'eDp5' } } });
  });

  it('forgets all registries when it is asked to', async () => {
    await write('home/.docker/config.json', { auths: { ...own(), 'o.example': { auth: 'eDp5' } }, x: 1 });
    await logout(undefined, { places: user() });
    assert.deepEqual(await read('home/.docker/config.json'), { auths: {}, x: 1 });
  });

  it('leaves files alone that have no such login, as they are written', async () => {
    const file = await write('home/.docker/config.json', '{ "auths": {} }');
    assert.deepEqual((await logout('o.example', { places: user() })).removed, []);
    assert.equal(await readFile(file, 'utf8'), '{ "auths": {} }');
  });

  it('goes on with the other files where a helper or a file fails, and fails in the end', async () => {
    await write('run/containers/auth.json', '{');
    await write('home/.config/containers/auth.json', { credsStore: 'nope', auths: own() });
    await write('home/.docker/config.json', {
      credHelpers: { 'o.example': 'keeps' },
      auths: { ...own(), 'o.example': {} },
    });
    const places = user(await installHelper('keeps'));
    const warnings: string[] = [];
    const leaving = logout(undefined, { places, onEvent: warningsInto(warnings) });
    await assert.rejects(leaving, ({ message }) => message.includes(path('run/containers/auth.json')));
    assert.match(warnings.join(), /docker-credential-nope: the program is not in PATH$/);
    assert.equal(await readFile(path('run/containers/auth.json'), 'utf8'), '{');
    assert.deepEqual(await read('home/.config/containers/auth.json'), { credsStore: 'nope', auths: {} });
    assert.deepEqual(await read('home/.docker/config.json'), {
      credHelpers: { 'o.example': 'keeps' },
      auths: {},
    });
    assert.equal(await readFile(path('keeps-erased'), 'utf8'), 'o.example');
  });

  it('only changes the file of --authfile, and says where there is still a login', async () => {
    const authFile = await write('own.json', { auths: own() });
    await write('home/.docker/config.json', { auths: own() });
    await logout(registry.registry, { places: { ...user(), authFile } });
    assert.deepEqual(await read('own.json'), { auths: {} });
    assert.deepEqual(await read('home/.docker/config.json'), { auths: own() });
    const warnings: string[] = [];
    const DOCKER_AUTH_CONFIG = JSON.stringify({ auths: own() });
    await logout(registry.registry, {
      places: user({ DOCKER_AUTH_CONFIG }),
      onEvent: warningsInto(warnings),
    });
    assert.deepEqual(warnings, [`DOCKER_AUTH_CONFIG still has a login for ${registry.registry}`]);
  });
});
