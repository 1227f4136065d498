import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { needs } from '../support/needs.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { lading, ladingJSON } from '../support/programs/lading.js';
import { getManifest, sha256, TYPE } from '../support/programs/registry-content.js';
import { succeed } from '../support/programs/run.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Converted, onlyImage } from './converted.js';
import { readFromSkopeo, readWritten } from './image-reading.js';
import { refuses } from './refusal.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';

describe('schema1', () => {
  let source: Source;
  /** Gets what lading converts, under the names that the source has. */
  let target: DockerRegistry;
  let folder: string;
  /** Layouts with `app/chain:1` and `:2` as schema1; the first ends in a history entry without a layer. */
  let made: Record<'1' | '2', { layout: string; digest: string }>;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    target = await startDockerRegistry({ schema1: true });
    folder = await temporaryFolder('schema1');
    made = { '1': await convertAndLoad('1'), '2': await convertAndLoad('2') };
  });

  async function convertAndLoad(tag: string): Promise<{ layout: string; digest: string }> {
    const layout = join(folder, `made-${tag}`);
    const image = `docker://${source.host}/${source.chain}:${tag}`;
    const to = ['--to', 'schema1', '--format', 'oci', '-o', layout];
    const { digest } = onlyImage(await ladingJSON<Converted>('convert', image, ...to)).to;
    await lading('load', '-i', layout, target.host);
    return { layout, digest };
  }

  const locator = (tag: string) => `docker://${target.host}/${source.chain}:${tag}`;

  for (const tag of ['1', '2'] as const) {
    describe(`made of app/chain:${tag}`, () => {
      it('has the digest of docker-registry’s own conversion of the same image', async () => {
        const own = await getManifest(source.host, source.chain, tag, []);
        assert.equal(own.mediaType, TYPE.dockerSchema1);
        assert.equal(made[tag].digest, own.digest);
      });

      it('passes docker-registry’s verification, and keeps its digest there', async () => {
        const kept = await getManifest(target.host, source.chain, tag);
        assert.deepEqual([kept.digest, kept.mediaType], [made[tag].digest, TYPE.dockerSchema1]);
        const { ok } = await ladingJSON<{ ok: boolean }>('verify', made[tag].layout);
        assert.equal(ok, true);
      });

      it('is pulled by Docker, by tag and by digest, as the image that lading makes of it', async () => {
        const { docker, forgetImages } = await startDockerd();
        const output = join(folder, `docker-${tag}`);
        await lading('convert', locator(tag), '--to', 'docker', '--format', 'oci', '-o', output);
        const { config } = await readWritten(output);
        for (const reference of [`:${tag}`, `@${made[tag].digest}`]) {
          await forgetImages();
          const image = `${target.host}/${source.chain}${reference}`;
          await docker('pull', image);
          assert.equal(await docker('image', 'inspect', '--format', '{{.Id}}', image), config.digest);
        }
      });

      it('is verified and read by skopeo', async () => {
        const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', locator(tag))) as {
          Digest: string;
          Name: string;
        };
        assert.equal(inspected.Digest, made[tag].digest);
        const copy = await temporaryFolder('dir');
        await skopeo('copy', '--src-tls-verify=false', locator(tag), `dir:${copy}`);
        const digest = await skopeo('manifest-digest', join(copy, 'manifest.json'));
        assert.equal(digest, made[tag].digest);
      });

      // The registry gave these layers their sizes, skopeo and lading each learn the diffIDs from the bytes.
      it('converts to Docker’s format as skopeo does it: config byte for byte, and layers', async () => {
        const output = join(folder, `v2s2-${tag}`);
        await lading('convert', locator(tag), '--to', 'docker', '--format', 'oci', '-o', output);
        const ours = await readWritten(output);
        const theirs = await readFromSkopeo('v2s2', locator(tag));
        assert.equal(ours.configBytes.toString(), theirs.configBytes.toString());
        assert.deepEqual(ours.layers, theirs.layers);
        assert.deepEqual(ours.config, theirs.config);
        assert.equal(ours.mediaType, theirs.mediaType);
      });

      it('converts to OCI as skopeo does it: all that OCI’s config has, and layers', async () => {
        const output = join(folder, `oci-${tag}`);
        await lading('convert', locator(tag), '--to', 'oci', '--format', 'oci', '-o', output);
        const ours = await readWritten(output);
        const theirs = await readFromSkopeo('oci', locator(tag));
        assert.deepEqual(ours.layers, theirs.layers);
        const { config, ...rest } = theirs.configDocument;
        for (const [member, value] of Object.entries(rest))
          assert.deepEqual(ours.configDocument[member], value, member);
        for (const [member, value] of Object.entries(config as Record<string, unknown>))
          assert.deepEqual((ours.configDocument.config as Record<string, unknown>)[member], value, member);
        // skopeo writes the config anew and drops what OCI does not name (`container_config`, `docker_version`);
        // lading keeps the bytes of schema2, so that the image ID is the same in either format.
        assert.equal(ours.config.digest, (await readWritten(join(folder, `v2s2-${tag}`))).config.digest);
        assert.ok('docker_version' in ours.configDocument && !('docker_version' in theirs.configDocument));
      });

      it('has kept the layers, their diffIDs and the history but for what schema1 has no place for', async () => {
        const output = join(folder, `v2s2-${tag}`);
        const { layers, configDocument } = await readWritten(output);
        const original = await readFromSkopeo('v2s2', `docker://${source.host}/${source.chain}:${tag}`);
        assert.deepEqual(layers, original.layers);
        assert.deepEqual(configDocument.rootfs, original.configDocument.rootfs);
        const { history } = original.configDocument;
        assert.deepEqual(configDocument.history.slice(0, -1), history.slice(0, -1));
        assert.equal(configDocument.history.length, history.length);
      });
    });
  }

  it('that docker-registry signed is read: its digest, its signature, the image of its config', async () => {
    const image = `docker://${source.host}/${source.chain}:2-schema1`;
    const output = join(folder, 'stored');
    const flags = ['--to', 'docker', '--format', 'oci', '--verify-signature', '-o', output];
    const { from, to, signature } = onlyImage(await ladingJSON<Converted>('convert', image, ...flags));
    const stored = await getManifest(source.host, source.chain, '2-schema1');
    assert.deepEqual(from, { mediaType: stored.mediaType, digest: stored.digest });
    assert.equal(to.mediaType, TYPE.dockerManifest);
    assert.equal(signature?.valid, true);
    const theirs = await readFromSkopeo('v2s2', image);
    assert.equal((await readWritten(output)).configBytes.toString(), theirs.configBytes.toString());
  });

  it('as docker-registry answers to a client that accepts nothing newer has the digest it states', async () => {
    const { bytes, digest } = await getManifest(source.host, source.chain, '2', []);
    assert.notEqual(sha256(bytes), digest, 'signed: the digest is of the payload');
    const file = join(folder, 'answer.json');
    await writeFile(file, bytes);
    const { ok, documents } = await ladingJSON<{ ok: boolean; documents: { digest: string }[] }>(
      'verify',
      file,
    );
    assert.deepEqual(
      { ok, digests: documents.map((document) => document.digest) },
      { ok, digests: [digest] },
    );
    assert.equal(ok, true);
  });

  it('that was changed after it was signed is told, and refused with --verify-signature: exit 3', async () => {
    const changed = await temporaryFolder('dir');
    const image = `docker://${source.host}/${source.chain}:2-schema1`;
    await skopeo('copy', '--src-tls-verify=false', image, `dir:${changed}`);
    const file = join(changed, 'manifest.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"architecture": "amd64"', '"architecture": "arm64"'));
    const to = ['--to', 'oci', '-o', join(folder, 'changed.tar')];
    await refuses(3, /signature/, ['convert', changed, ...to, '--verify-signature']);
    const { signature } = onlyImage(await ladingJSON<Converted>('convert', changed, ...to));
    assert.deepEqual(signature, { valid: false });
  });

  for (const [kind, flags] of Object.entries({
    'an EC key': ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    'an RSA key': ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  })) {
    it(`signed with ${kind} is verified by docker-registry, and has the same digest`, async function () {
      needs(this, 'openssl');
      const key = join(folder, `${kind.replaceAll(' ', '-')}.pem`);
      await succeed('openssl', [...flags, '-out', key]);
      const registry = await startDockerRegistry({ schema1: true });
      const layout = join(folder, `signed-${kind.replaceAll(' ', '-')}`);
      const to = ['--to', 'schema1', '--key', key, '--format', 'oci', '-o', layout];
      await lading('convert', `docker://${source.host}/${source.chain}:2`, ...to);
      // The second time all of it is there: signed by the registry, and so of another size.
      for (const _ of ['first', 'second'])
        await lading('copy', `oci:${layout}`, `docker://${registry.host}/${source.chain}:2`);
      const { digest } = await getManifest(registry.host, source.chain, '2');
      assert.equal(digest, made['2'].digest);
      await registry.stop();
    });
  }
});
