import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { type LadingOptions, runLading } from '../support/programs/lading.js';
import { getManifest } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { refuses } from './refusal.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';
import { openWritten } from './written.js';

const USER = 'carrier';
const PASSWORD = 'p:ss w/rd'; // a colon may stand in a password, not in a user's name

describe('save from docker-registry', () => {
  let source: Source;
  let digest: string;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS, 'htpasswd');
    source = await openSource();
    digest = (await getManifest(source.host, source.chain, '2')).digest;
    folder = await temporaryFolder('sources');
  });

  async function savesDigest(image: string, args: string[], options: LadingOptions = {}): Promise<void> {
    const output = join(await temporaryFolder('save'), 'out.tar');
    const outcome = await runLading(['save', image, '-o', output, ...args], options);
    assert.equal(outcome.code, 0, outcome.stderr);
    const { entries } = await openWritten(output);
    assert.deepEqual(
      entries.map((entry) => entry.digest),
      [digest],
    );
  }

  it('speaks http to a registry on the loopback without being told', async () => {
    await savesDigest(`${source.host}/${source.chain}:2`, []);
  });

  describe('with htpasswd', () => {
    let registry: DockerRegistry;
    let image: string;
    let auths: string;

    before(async () => {
      registry = await startDockerRegistry({ htpasswd: { user: USER, password: PASSWORD } });
      image = `${registry.host}/closed/app:2`;
      await skopeo(
        ...[
          'copy',
          '--src-tls-verify=false',
          '--dest-tls-verify=false',
          '--dest-creds',
          `${USER}:${PASSWORD}`,
        ],
        ...[`docker://${source.host}/${source.chain}:2`, `docker://${image}`],
      );
      const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
      auths = JSON.stringify({ auths: { [registry.host]: { auth } } });
    });

    it('takes credentials from --creds', async () => {
      await savesDigest(image, ['--creds', `${USER}:${PASSWORD}`]);
    });

    it('takes credentials from LADING_USERNAME and LADING_PASSWORD', async () => {
      await savesDigest(image, [], { env: { LADING_USERNAME: USER, LADING_PASSWORD: PASSWORD } });
    });

    it('takes credentials from --authfile', async () => {
      const file = join(folder, 'auth.json');
      await writeFile(file, auths);
      await savesDigest(image, ['--authfile', file]);
    });

    it('takes credentials from the config.json in DOCKER_CONFIG', async () => {
      const config = join(folder, 'docker-config');
      await mkdir(config);
      await writeFile(join(config, 'config.json'), auths);
      await savesDigest(image, [], { env: { DOCKER_CONFIG: config } });
    });

    it('takes credentials that podman login left', async function () {
      needs(this, 'podman');
      const file = join(folder, 'podman.json');
      await skopeo(
        'login',
        '--tls-verify=false',
        '--authfile',
        file,
        '-u',
        USER,
        '-p',
        PASSWORD,
        registry.host,
      );
      await savesDigest(image, [], { env: { REGISTRY_AUTH_FILE: file } });
    });

    it('says that a password is wrong, without showing it', async () => {
      const wrong = { LADING_USERNAME: USER, LADING_PASSWORD: 'wr0ng-secret' };
      const output = join(folder, 'wrong.tar');
      const told = await refuses(6, /closed\/app/, ['save', image, '-o', output], { env: wrong });
      assert.doesNotMatch(told.message + told.hint, /wr0ng-secret/);
    });

    it('says that credentials are missing', async () => {
      await refuses(6, /closed\/app/, ['save', image, '-o', join(folder, 'none.tar')]);
    });
  });

  describe('with TLS by an authority of its own', () => {
    let registry: DockerRegistry;
    let image: string;

    before(async () => {
      registry = await startDockerRegistry({ tls: true });
      image = `${registry.host}/safe/app:2`;
      await skopeo(
        ...['copy', '--src-tls-verify=false', '--dest-tls-verify=false'],
        ...[`docker://${source.host}/${source.chain}:2`, `docker://${image}`],
      );
    });

    it('trusts the authority of --ca', async () => {
      await savesDigest(image, ['--ca', registry.ca ?? '']);
    });

    it('trusts anyone with --tls-verify=false', async () => {
      await savesDigest(image, ['--tls-verify=false']);
    });

    it('refuses an unknown authority and names the flag that helps', async () => {
      const output = join(folder, 'untrusted.tar');
      const { hint } = await refuses(7, /certificate/i, ['save', image, '-o', output]);
      assert.match(hint, /--ca/);
    });
  });
});
