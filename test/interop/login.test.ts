import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { runLading } from '../support/programs/lading.js';
import { run } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { archiveOf } from './loaded.js';

const USER = 'gap';
const PASSWORD = 'carry:it/over';

/** What one tool stores, the others find. */
describe('logins, beside docker-registry with htpasswd', () => {
  let registry: DockerRegistry;
  let image: MadeImage;
  let name: string;

  before(async function () {
    needs(this, 'docker-registry', 'htpasswd', 'skopeo');
    registry = await startDockerRegistry({ htpasswd: { user: USER, password: PASSWORD } });
    image = await makeImage({ seed: 'login' });
    const archive = await archiveOf({ 'example.com/app:1': image });
    const env = { LADING_USERNAME: USER, LADING_PASSWORD: PASSWORD };
    const { code, stderr } = await runLading(['load', '-i', archive, registry.host], { env });
    assert.equal(code, 0, stderr);
    name = `${registry.host}/app:1`;
  });

  /** A user who has only these files. */
  async function newUser(): Promise<Record<string, string>> {
    const home = await temporaryFolder('user');
    await mkdir(join(home, 'run', 'containers'), { recursive: true });
    return { PATH: process.env.PATH ?? '', HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  }

  async function ladingLogin(env: Record<string, string>, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await runLading(
      ['login', registry.host, '--username', USER, '--password-stdin', ...args],
      { env, stdin: `${PASSWORD}\n` },
    );
    assert.deepEqual([code, stderr], [0, ''], stdout);
  }

  const inspect = (env: Record<string, string>, ...args: string[]) =>
    run('skopeo', ['inspect', '--raw', '--tls-verify=false', ...args, `docker://${name}`], { env });

  it("skopeo reads what lading login wrote into docker's file", async () => {
    const env = await newUser();
    assert.notEqual((await inspect(env)).code, 0, 'the registry asks for a login');
    await ladingLogin(env);
    const { code, stdout, stderr } = await inspect(env);
    assert.equal(code, 0, stderr);
    assert.equal(`${stdout}`.trim(), image.manifest.bytes.toString().trim());
  });

  it('skopeo and podman read what lading login wrote into --authfile', async function () {
    needs(this, 'podman');
    const env = await newUser();
    const authfile = join(env.HOME ?? '', 'auth.json');
    await ladingLogin(env, '--authfile', authfile);
    const { code, stderr } = await inspect(env, '--authfile', authfile);
    assert.equal(code, 0, stderr);
    const known = await run('podman', ['login', '--get-login', '--authfile', authfile, registry.host], {
      env,
    });
    assert.equal(known.stdout.trim(), USER, known.stderr);
  });

  it('podman logout and lading logout forget what the other has written', async function () {
    needs(this, 'podman');
    const env = await newUser();
    const authfile = join(env.HOME ?? '', 'auth.json');
    await ladingLogin(env, '--authfile', authfile);
    const out = await run('podman', ['logout', '--authfile', authfile, registry.host], { env });
    assert.equal(out.code, 0, out.stderr);
    const login = ['login', '--tls-verify=false', '--authfile', authfile, '-u', USER, '-p', PASSWORD];
    const into = await run('podman', [...login, registry.host], { env });
    assert.equal(into.code, 0, into.stderr);
    const gone = await runLading(['logout', registry.host, '--authfile', authfile], { env });
    assert.equal(gone.code, 0, gone.stderr);
    assert.deepEqual(JSON.parse(await readFile(authfile, 'utf8')).auths, {});
  });

  for (const program of ['skopeo', 'podman', 'buildah'] as const) {
    it(`lading reads what ${program} login wrote`, async function () {
      needs(this, program);
      const env = await newUser();
      const args = ['login', '--tls-verify=false', '-u', USER, '--password-stdin', registry.host];
      const into = await run(program, args, { env, stdin: PASSWORD });
      assert.equal(into.code, 0, into.stderr);
      const { code, stderr } = await runLading(['inspect', name], { env });
      assert.equal(code, 0, stderr);
      const { stdout } = await runLading(['auth', registry.host, '--json'], { env });
      const used = JSON.parse(stdout).places.find(({ state }: { state: string }) => state === 'used');
      assert.equal(used.username, USER);
    });
  }
});
