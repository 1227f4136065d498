import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Serving, serve } from '../../src/index.js';
import { peer, type RunPeer } from '../support/programs/peers.js';
import { documentOf, getManifest } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** Flags of oras for one registry without TLS. */
const PLAIN = '--plain-http';
const BOTH_PLAIN = ['--from-plain-http', '--to-plain-http'];

describe('the repositories of a writable serve, to oras and cosign', () => {
  let serving: Serving;
  let host: string;
  beforeEach(async () => {
    serving = await serve(join(await temporaryFolder('repositories'), 'layout'), { port: 0, writable: true });
    host = `127.0.0.1:${serving.port}`;
  });
  afterEach(() => serving?.close());

  describe('oras', () => {
    let oras: RunPeer;
    before(async function () {
      oras = await peer(this, 'oras');
      for (const name of ['app', 'note']) await writeFile(join(oras.folder, name), name);
    });
    beforeEach(async () => {
      await oras('push', PLAIN, `${host}/a/app:1`, 'app:text/plain');
      await oras('attach', PLAIN, '--artifact-type', 'text/x-note', `${host}/a/app:1`, 'note:text/plain');
    });

    const attachedTo = async (name: string): Promise<string[]> => {
      const stdout = await oras('discover', PLAIN, '--format', 'json', `${host}/${name}`);
      return (JSON.parse(stdout).referrers ?? []).map(({ digest }: { digest: string }) => digest);
    };
    const layerOf = async (repository: string): Promise<string> => {
      const manifest = await getManifest(host, repository, '1');
      assert.ok(manifest);
      return String(documentOf(manifest.bytes).layers?.[0]?.digest);
    };

    it('discovers in a repository what was attached in it, and copies it along where it is told to', async () => {
      const [note] = await attachedTo('a/app:1');
      assert.ok(note);
      await oras('cp', ...BOTH_PLAIN, `${host}/a/app:1`, `${host}/b/app:1`);
      assert.deepEqual(await attachedTo('b/app:1'), []);
      await assert.rejects(oras('manifest', 'fetch', PLAIN, `${host}/b/app@${note}`), /not found/);
      await oras('cp', '-r', ...BOTH_PLAIN, `${host}/a/app:1`, `${host}/c/app:1`);
      assert.deepEqual(await attachedTo('c/app:1'), [note]);

      await oras('manifest', 'delete', PLAIN, '-f', `${host}/a/app@${note}`);
      assert.deepEqual(await attachedTo('a/app:1'), []);
      assert.deepEqual(await attachedTo('c/app:1'), [note]);
    });

    it('deletes a blob in one repository, once no manifest there needs it', async () => {
      await oras('cp', ...BOTH_PLAIN, `${host}/a/app:1`, `${host}/b/app:1`);
      const layer = await layerOf('a/app');
      const fetched = (repository: string) =>
        oras('blob', 'fetch', PLAIN, '-o', '-', `${host}/${repository}@${layer}`);
      const deleted = () => oras('blob', 'delete', PLAIN, '-f', `${host}/a/app@${layer}`);
      await assert.rejects(fetched('nobody/app'), /not found/);
      await assert.rejects(deleted(), /a manifest needs this blob/);
      await oras('manifest', 'delete', PLAIN, '-f', `${host}/a/app:1`);
      await deleted();
      await assert.rejects(fetched('a/app'), /not found/);
      assert.equal((await fetched('b/app')).trim(), 'app');
    });

    it('lists the tags of no repository that nobody pushed to', async () => {
      await assert.rejects(oras('repo', 'tags', PLAIN, `${host}/nobody/app`), /name unknown/);
      assert.equal((await oras('repo', 'ls', PLAIN, host)).trim(), 'a/app');
    });
  });

  it('cosign verifies where the signature was pushed, and not where only the image is', async function () {
    const [oras, cosign] = [await peer(this, 'oras'), await peer(this, 'cosign 3')];
    await writeFile(join(oras.folder, 'app'), 'app');
    for (const name of ['a', 'b']) await oras('push', PLAIN, `${host}/${name}/app:1`, 'app:text/plain');
    await oras('cp', ...BOTH_PLAIN, `${host}/a/app:1`, `${host}/b/app:1`);
    const digest = (await oras('resolve', PLAIN, `${host}/a/app:1`)).trim();
    await cosign('generate-key-pair');
    for (const form of ['true', 'false']) {
      const bundle = `--new-bundle-format=${form}`;
      await cosign(
        ...['sign', '--key', 'cosign.key', '--tlog-upload=false', '--use-signing-config=false', bundle],
        `${host}/a/app@${digest}`,
      );
      const verify = (name: string) =>
        cosign(
          'verify',
          '--key',
          'cosign.pub',
          '--insecure-ignore-tlog',
          bundle,
          `${host}/${name}/app@${digest}`,
        );
      await verify('a');
      await assert.rejects(verify('b'), /no signatures found/);
    }
  });
});
