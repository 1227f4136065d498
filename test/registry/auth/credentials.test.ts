import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { isLadingError } from '../../../src/errors.js';
import type { Credential } from '../../../src/registry/auth/credential.js';
import { type CredentialOptions, createCredentialProvider } from '../../../src/registry/auth/credentials.js';
import { fixture, fixturePath } from '../../support/fixtures.js';
import { needs } from '../../support/needs.js';

interface Row {
  file: string;
  key: string;
  expected:
    | null
    | string
    | { username?: string; password?: string; identitytoken?: string; registrytoken?: string };
}

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'lading-credentials-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

/** Looks up credentials using only the test's own folder and variables. */
function lookup(key: string, options: CredentialOptions = {}): Promise<Credential | undefined> {
  const slash = key.indexOf('/');
  const [registry, repository] = slash < 0 ? [key, undefined] : [key.slice(0, slash), key.slice(slash + 1)];
  const provider = createCredentialProvider({ environment: {}, home, platform: 'darwin', ...options });
  return provider(registry, repository);
}

async function write(path: string, document: unknown): Promise<string> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof document === 'string' ? document : JSON.stringify(document));
  return file;
}

function auths(key: string, user: string): object {
  return { auths: { [key]: { auth: Buffer.from(`${user}:secret`).toString('base64') } } };
}

/** Writes a helper that prints what `script` prints, and returns the environment that finds it. */
async function installHelper(suffix: string, script: string): Promise<NodeJS.ProcessEnv> {
  const file = await write(`bin/docker-credential-${suffix}`, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return { PATH: `${join(home, 'bin')}${delimiter}${process.env.PATH}`, HELPER_LOG: join(home, 'log') };
}

describe('createCredentialProvider, files as people and tools write them', () => {
  const rows: Row[] = JSON.parse(fixture('auth/lookups.json').toString());
  for (const { file, key, expected } of rows) {
    it(`finds ${JSON.stringify(expected)} for ${key} in ${file}`, async () => {
      const authFile = fixturePath(`auth/${file}`);
      if (typeof expected !== 'string') {
        const { source, ...found } = (await lookup(key, { authFile })) ?? { source: authFile };
        const { identitytoken: identityToken, registrytoken: registryToken, ...login } = expected ?? {};
        const tokens = {
          ...(identityToken === undefined ? {} : { identityToken }),
          ...(registryToken === undefined ? {} : { registryToken }),
        };
        assert.deepEqual(found, { ...login, ...tokens });
        assert.equal(source, authFile);
      } else if (expected.startsWith('helper docker-credential-')) {
        const suffix = expected.slice('helper docker-credential-'.length);
        const environment = await installHelper(suffix, `printf '{"Username":"u","Secret":"%s"}' "$(cat)"`);
        const found = await lookup(key, { authFile, environment });
        assert.equal(found?.password, key);
        assert.match(found?.source ?? '', new RegExp(`^docker-credential-${suffix} `));
      } else {
        await assert.rejects(lookup(key, { authFile }), (error) => isLadingError(error, 'USAGE'));
      }
    });
  }
});

describe('createCredentialProvider, places and their order', () => {
  it('goes from the most particular place to the most general, and the first answer wins', async () => {
    const environment: NodeJS.ProcessEnv = {};
    const ask = async () =>
      (await lookup('reg.example/app', { environment, platform: 'linux', uid: 4711 }))?.username;
    assert.equal(await ask(), undefined);
    await write('.dockercfg', {
      'https://reg.example/v1/': { auth: Buffer.from('cfg:x').toString('base64') },
    });
    assert.equal(await ask(), 'cfg');
    await write('.docker/config.json', auths('reg.example', 'docker'));
    assert.equal(await ask(), 'docker');
    await write('.config/containers/auth.json', auths('reg.example', 'podman'));
    assert.equal(await ask(), 'podman');
    environment.XDG_RUNTIME_DIR = join(home, 'run');
    await write('run/containers/auth.json', auths('reg.example', 'runtime'));
    assert.equal(await ask(), 'runtime');
    environment.REGISTRY_AUTH_FILE = await write('only.json', auths('reg.example', 'file'));
    assert.equal(await ask(), 'file');
    environment.DOCKER_AUTH_CONFIG = JSON.stringify(auths('reg.example', 'inline'));
    assert.equal(await ask(), 'inline');
  });

  it('passes over a runtime folder that the user may not enter, but not over a file that cannot be read', async function () {
    needs(this, 'a user other than root');
    await write('.docker/config.json', auths('reg.example', 'docker'));
    const file = await write('run/containers/auth.json', auths('reg.example', 'runtime'));
    const ask = () =>
      lookup('reg.example', { environment: { XDG_RUNTIME_DIR: join(home, 'run') }, platform: 'linux' });
    await chmod(file, 0o000);
    await assert.rejects(ask(), (error) => isLadingError(error, 'IO'));
    for (const folder of ['run/containers', 'run']) {
      await chmod(join(home, folder), 0o000);
      assert.equal((await ask())?.username, 'docker', folder);
      await chmod(join(home, folder), 0o700);
    }
  });

  it('honours DOCKER_CONFIG and XDG_CONFIG_HOME', async () => {
    await write('d/config.json', auths('a.example', 'docker'));
    await write('x/containers/auth.json', auths('b.example', 'podman'));
    const environment = { DOCKER_CONFIG: join(home, 'd'), XDG_CONFIG_HOME: join(home, 'x') };
    assert.equal((await lookup('a.example', { environment }))?.username, 'docker');
    assert.equal((await lookup('b.example', { environment }))?.username, 'podman');
  });

  it('looks nowhere else when REGISTRY_AUTH_FILE or --authfile is given', async () => {
    await write('.docker/config.json', auths('reg.example', 'docker'));
    const empty = await write('empty.json', '');
    assert.equal(await lookup('reg.example', { environment: { REGISTRY_AUTH_FILE: empty } }), undefined);
    assert.equal(await lookup('reg.example', { authFile: empty }), undefined);
  });

  it('says that an --authfile is missing, since it was asked for', async () => {
    await assert.rejects(lookup('reg.example', { authFile: join(home, 'no.json') }), (error) =>
      isLadingError(error, 'NOT_FOUND'),
    );
  });

  it('puts what was given for the run first, and only for its registries', async () => {
    await write('.docker/config.json', auths('mirror.example', 'docker'));
    const explicit = [{ username: 'me', password: 'p', registry: 'reg.example', source: '--creds' }];
    const given = await lookup('reg.example', { explicit });
    assert.deepEqual(given, { username: 'me', password: 'p', source: '--creds' });
    assert.equal((await lookup('mirror.example', { explicit }))?.username, 'docker');
  });

  it('names the file, and not its content, when it makes no sense', async () => {
    for (const text of ['{"auths":{"reg.example":{"auth":"c2VjcmV0"}}}', '{"auths": secret', '[1]']) {
      const file = await write('bad.json', text);
      await assert.rejects(
        lookup('reg.example', { authFile: file }),
        (error) =>
          isLadingError(error, 'USAGE') && error.message.startsWith(file) && !/secret/.test(error.message),
      );
    }
  });

  it('keeps colons of a password and drops the padding of old clients', async () => {
    const auth = Buffer.from('user:a:b\0\0').toString('base64');
    const authFile = await write('a.json', { auths: { 'reg.example': { auth } } });
    assert.equal((await lookup('reg.example', { authFile }))?.password, 'a:b');
  });

  it('takes a path in a key as a namespace, but not behind a scheme', async () => {
    const authFile = await write('a.json', {
      auths: {
        ...Object(auths('reg.example/team', 'team')).auths,
        ...Object(auths('https://old.example/v1/', 'old')).auths,
      },
    });
    assert.equal((await lookup('reg.example/team/app', { authFile }))?.username, 'team');
    assert.equal(await lookup('reg.example/teamwork', { authFile }), undefined);
    assert.equal((await lookup('old.example/any', { authFile }))?.username, 'old');
  });

  for (const key of [
    'https://index.docker.io/v1/',
    'index.docker.io',
    'docker.io',
    'https://registry-1.docker.io/v2/',
  ]) {
    it(`finds Docker Hub under ${key}`, async () => {
      await write('.docker/config.json', auths(key, 'hub'));
      assert.equal((await lookup('docker.io/library/busybox'))?.username, 'hub');
    });
  }
});

describe('createCredentialProvider, credential helpers', () => {
  it('asks the helper of the host alone, with the server on its input', async () => {
    const environment = await installHelper(
      'own',
      'echo "$1 $(cat)" >> "$HELPER_LOG"; printf \'{"Username":"<token>","Secret":"t"}\'',
    );
    await write('.docker/config.json', {
      ...auths('reg.example', 'written'),
      credHelpers: { 'reg.example': 'own', 'docker.io': 'own' },
      credsStore: 'none',
    });
    const provider = createCredentialProvider({ environment, home, platform: 'darwin' });
    for (const repository of ['a', 'b']) {
      const found = await provider('reg.example', repository);
      assert.equal(found?.identityToken, 't');
      assert.equal(found?.password, undefined);
    }
    await provider('docker.io', 'library/busybox');
    const log = await readFile(join(home, 'log'), 'utf8');
    assert.deepEqual(log.trim().split('\n'), ['get reg.example', 'get https://index.docker.io/v1/']);
  });

  it('asks the store for what is only marked in auths', async () => {
    const environment = await installHelper(
      'store',
      'cat >/dev/null; printf \'{"Username":"u","Secret":"p"}\'',
    );
    await write('.docker/config.json', { auths: { 'reg.example': {} }, credsStore: 'store' });
    const found = await lookup('reg.example', { environment });
    assert.equal(found?.password, 'p');
    assert.match(found?.source ?? '', /^docker-credential-store \(named in .*config\.json\)$/);
  });

  const silent: [what: string, script: string][] = [
    ['has nothing', 'echo "credentials not found in native keychain"; exit 1'],
    ['answers with nothing', 'printf \'{"Username":"","Secret":""}\''],
  ];
  for (const [what, script] of silent) {
    it(`goes on without a word when a helper ${what}`, async () => {
      const environment = await installHelper('x', script);
      await write('.docker/config.json', { credsStore: 'x' });
      const warnings: string[] = [];
      assert.equal(
        await lookup('reg.example', { environment, onWarning: (text) => warnings.push(text) }),
        undefined,
      );
      assert.deepEqual(warnings, []);
    });
  }

  const failing: [what: string, script: string, warning: RegExp][] = [
    ['fails', 'echo "keychain is locked"; exit 1', /docker-credential-x: keychain is locked$/],
    ['does not speak JSON', 'echo secret', /its answer is not JSON$/],
    ['talks without end', 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done', /too large$/],
  ];
  for (const [what, script, warning] of failing) {
    it(`warns and goes on when a helper ${what}`, async () => {
      const environment = await installHelper('x', script);
      await write('.docker/config.json', { credsStore: 'x' });
      const warnings: string[] = [];
      assert.equal(
        await lookup('reg.example', { environment, onWarning: (text) => warnings.push(text) }),
        undefined,
      );
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', warning);
    });
  }

  it('looks for the login of a registry with settings of its own only there', async () => {
    const environment = await installHelper('own', `printf '{"Username":"helped","Secret":"s"}'`);
    await write('.docker/config.json', {
      auths: { ...auths('a.test', 'usual'), ...auths('b.test', 'usual') },
    });
    const authFile = await write('own.json', auths('a.test', 'filed'));
    const registries = {
      'a.test': { authFile },
      'b.test': { credentialHelper: 'own' },
      'c.test': { authFile },
    };
    const userAt = async (registry: string): Promise<string | undefined> =>
      (await lookup(registry, { registries, environment }))?.username;
    assert.deepEqual(await Promise.all(['a.test', 'b.test', 'c.test'].map(userAt)), [
      'filed',
      'helped',
      undefined,
    ]);
    await write('.docker/config.json', auths('d.test', 'usual'));
    assert.equal(await userAt('d.test'), 'usual');
  });

  it('warns and goes on when a helper is missing', async () => {
    await write('.docker/config.json', { credHelpers: { 'reg.example': 'missing' } });
    const warnings: string[] = [];
    assert.equal(await lookup('reg.example', { onWarning: (text) => warnings.push(text) }), undefined);
    assert.match(warnings[0] ?? '', /docker-credential-missing: the program is not in PATH/);
  });

  it('never makes a path or a command of a suffix', async () => {
    for (const suffix of ['../evil', 'a/b', 'x; touch y', ' ', '-x', '.']) {
      await write('.docker/config.json', { credHelpers: { 'reg.example': suffix } });
      await assert.rejects(lookup('reg.example'), (error) => isLadingError(error, 'USAGE'), suffix);
    }
  });
});
