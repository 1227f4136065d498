import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { explainCredentials } from '../../../src/operations/login/explain-credentials.js';
import { useFolder } from '../../support/temporary.js';

describe('explainCredentials', () => {
  const path = useFolder();
  const login = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

  async function write(file: string, document: unknown): Promise<string> {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), typeof document === 'string' ? document : JSON.stringify(document));
    return path(file);
  }

  async function helper(suffix: string, script: string): Promise<void> {
    await chmod(
      await write(`bin/docker-credential-${suffix}`, `#!/bin/sh\ncat >/dev/null\n${script}\n`),
      0o755,
    );
  }

  const explain = async (target: string, environment: NodeJS.ProcessEnv = {}) => {
    const explanation = await explainCredentials(target, {
      places: {
        home: path(),
        platform: 'darwin',
        environment: { PATH: `${path('bin')}${delimiter}${process.env.PATH}`, ...environment },
      },
    });
    assert.ok(!/secret/.test(JSON.stringify(explanation)), 'no secret is told');
    return explanation.places.map(({ place, state, ...rest }) => [place.replace(path(), '~'), state, rest]);
  };
  const PODMAN = '~/.config/containers/auth.json';
  const DOCKER = '~/.docker/config.json';
  const LEGACY = '~/.dockercfg';

  it('names the place that is used, and those that have an answer too', async () => {
    await write('.config/containers/auth.json', { auths: { 'reg.example/team': login('team:secret') } });
    await write('.docker/config.json', { auths: { 'reg.example': { identitytoken: 'secret' } } });
    assert.deepEqual(await explain('reg.example/team/app'), [
      [PODMAN, 'used', { username: 'team', kind: 'password' }],
      [DOCKER, 'later', { kind: 'identity token' }],
      [LEGACY, 'missing', {}],
    ]);
    assert.deepEqual(await explain('reg.example'), [
      [PODMAN, 'none', {}],
      [DOCKER, 'used', { kind: 'identity token' }],
      [LEGACY, 'missing', {}],
    ]);
  });

  it('names variables before files', async () => {
    const DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { 'reg.example': { registrytoken: 'secret' } } });
    const REGISTRY_AUTH_FILE = await write('only.json', {});
    assert.deepEqual(await explain('https://reg.example/v2/', { DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE }), [
      ['DOCKER_AUTH_CONFIG', 'used', { kind: 'registry token' }],
      ['~/only.json', 'none', {}],
    ]);
  });

  it('puts what is given for the run before all', async () => {
    const credentials = { username: 'me', password: 'secret' };
    const { places } = await explainCredentials('reg.example', { credentials, places: { home: path() } });
    assert.deepEqual(places[0], { place: 'the options', state: 'used', username: 'me', kind: 'password' });
  });

  it('knows the only place of a registry with settings of its own', async () => {
    await write('.docker/config.json', {
      auths: { 'a.test': login('usual:secret'), 'b.test': login('usual:secret') },
    });
    await helper('own', `echo '{"Username":"helped","Secret":"secret"}'`);
    const registries = {
      'a.test': { authFile: await write('own.json', { auths: { 'a.test': login('filed:secret') } }) },
      'b.test': { credentialHelper: 'own' },
    };
    const environment = { PATH: `${path('bin')}${delimiter}${process.env.PATH}` };
    const placesOf = async (target: string) =>
      (
        await explainCredentials(target, {
          places: { home: path(), platform: 'darwin', environment, registries },
        })
      ).places;
    assert.deepEqual(await placesOf('a.test'), [
      { place: path('own.json'), state: 'used', username: 'filed', kind: 'password' },
    ]);
    assert.deepEqual(await placesOf('b.test'), [
      {
        place: 'the settings of b.test',
        state: 'used',
        username: 'helped',
        kind: 'password',
        helper: 'docker-credential-own',
      },
    ]);
  });

  it('asks helpers, but none after the place that is used', async () => {
    await helper('good', `echo '{"Username":"helped","Secret":"secret"}'`);
    await helper('late', `touch '${path('asked')}'; echo '{}'`);
    await write('.config/containers/auth.json', { credHelpers: { 'reg.example': 'good' } });
    await write('.docker/config.json', { credsStore: 'late' });
    assert.deepEqual(await explain('reg.example'), [
      [PODMAN, 'used', { helper: 'docker-credential-good', username: 'helped', kind: 'password' }],
      [DOCKER, 'later', { helper: 'docker-credential-late' }],
      [LEGACY, 'missing', {}],
    ]);
    assert.ok(!existsSync(path('asked')));
  });

  it('tells a helper that fails from one that has nothing, and from a file that is invalid', async () => {
    await helper('fails', `echo 'locked'; exit 1`);
    await helper('none', `echo 'credentials not found in native keychain'; exit 1`);
    await write('.config/containers/auth.json', {
      credHelpers: { 'a.example': 'fails', 'b.example': 'none' },
    });
    await write('.docker/config.json', '// mine');
    const invalid = { problem: `${path('.docker/config.json')}: it is not JSON` };
    assert.deepEqual(await explain('a.example'), [
      [
        PODMAN,
        'failed',
        { helper: 'docker-credential-fails', problem: 'credential helper docker-credential-fails: locked' },
      ],
      [DOCKER, 'invalid', invalid],
      [LEGACY, 'missing', {}],
    ]);
    assert.deepEqual((await explain('b.example'))[0], [PODMAN, 'none', { helper: 'docker-credential-none' }]);
  });
});
