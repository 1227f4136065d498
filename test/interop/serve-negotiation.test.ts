import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Serving, save, serve } from '../../src/index.js';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { lading } from '../support/programs/lading.js';
import { documentOf, TYPE } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { openSource, SOURCE_PROGRAMS, type Source } from './source.js';

const { ociIndex, ociManifest, dockerList, dockerManifest, dockerSchema1 } = TYPE;
/** What Docker 1.6 to 1.9 send, and what clients of that age name. */
const OLD = [[], [dockerSchema1]];
const COMPARED = [
  ...['content-type', 'content-length', 'docker-content-digest', 'etag'],
  'docker-distribution-api-version',
];
const V1_ARCHIVE = fixturePath('archives/docker-v1.0-repositories-only.tar');

describe('serve, to clients of all ages', () => {
  let source: Source;
  let serving: Serving;
  let ours: string;
  let folder: string;

  before(async function () {
    needs(this, ...SOURCE_PROGRAMS);
    source = await openSource();
    folder = await temporaryFolder('negotiation');
    const { chain, single, multi, signed } = source;
    const names = [
      ...[`${chain}:1`, `${chain}:2`, `${chain}:2-schema1`, `${single}:1`],
      ...[`${multi}:oci`, `${multi}:docker`, `${signed}:1`],
    ];
    const layout = `${join(folder, 'layout')}/`;
    await save({ images: names.map((name) => `${source.host}/${name}`), output: layout });
    serving = await serve(layout, { port: 0, schema1Default: true });
    ours = `127.0.0.1:${serving.port}`;
  });
  after(() => serving?.close());

  interface Answer {
    status: number;
    headers: Record<string, string | null>;
    body: Buffer;
  }
  async function ask(host: string, name: string, accept: readonly string[], method = 'GET'): Promise<Answer> {
    const [repository, reference] = name.split(/[:@](.*)/s);
    const headers: Record<string, string> =
      accept.length > 0 ? { accept: accept.join(', ') } : { accept: '' };
    const response = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, {
      method,
      headers,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(COMPARED.map((header) => [header, response.headers.get(header)])),
      body: Buffer.from(await response.arrayBuffer()),
    };
  }
  /** Status, headers, and every field of the document but the signature, which each server makes with its own key. */
  async function giveTheSame(name: string, accept: readonly string[]): Promise<void> {
    const where = `${name} to ${accept.join(', ')}`;
    for (const method of ['GET', 'HEAD']) {
      const [a, b] = [await ask(ours, name, accept, method), await ask(source.host, name, accept, method)];
      assert.deepEqual([a.status, a.headers], [b.status, b.headers], where);
      assert.equal(a.status, 200, where);
      if (method === 'HEAD') continue;
      const { signatures, ...fields } = JSON.parse(a.body.toString());
      const { signatures: theirs, ...theirFields } = JSON.parse(b.body.toString());
      assert.deepEqual(fields, theirFields, where);
      assert.equal(signatures?.length, theirs?.length, where);
      if (theirs === undefined) assert.ok(a.body.equals(b.body), where);
    }
  }

  describe('answers as docker-registry 2.8 with schema1 does', () => {
    it('for schema2, to clients that name schema1, schema2 or nothing', async () => {
      for (const tag of ['1', '2'])
        for (const accept of [...OLD, [dockerManifest], [dockerList, dockerManifest]])
          await giveTheSame(`${source.chain}:${tag}`, accept);
    });

    it('but for clients that name neither schema1 nor what is stored: they get what is stored', async () => {
      for (const accept of [[dockerList], [ociIndex]]) {
        const { status, headers } = await ask(ours, `${source.chain}:1`, accept);
        assert.deepEqual([status, headers['content-type']], [200, dockerManifest]);
      }
    });

    it('for a manifest list: the list, its image for linux/amd64, or schema1 of that', async () => {
      for (const accept of [...OLD, [dockerManifest], [dockerList], [dockerManifest, dockerList]])
        await giveTheSame(`${source.multi}:docker`, accept);
    });

    it('for OCI images and indexes that are accepted', async () => {
      await giveTheSame(`${source.single}:1`, [ociManifest]);
      await giveTheSame(`${source.multi}:oci`, [ociIndex, dockerManifest]);
    });

    it('for schema1, to clients that accept nothing newer', async () => {
      for (const accept of [...OLD, [dockerList]]) {
        // It signs anew each time, where lading keeps the bytes: all but their length can be compared.
        const name = `${source.chain}:2-schema1`;
        const [a, b] = [await ask(ours, name, accept), await ask(source.host, name, accept)];
        const rest = { 'content-length': null };
        assert.deepEqual([a.status, { ...a.headers, ...rest }], [b.status, { ...b.headers, ...rest }]);
        const { signatures: _, ...fields } = JSON.parse(a.body.toString());
        const { signatures: __, ...theirs } = JSON.parse(b.body.toString());
        assert.deepEqual(fields, theirs);
      }
    });

    it('by digest: the stored bytes, whatever is accepted', async () => {
      for (const name of [`${source.chain}:2`, `${source.multi}:docker`]) {
        const { headers } = await ask(ours, name, [dockerManifest, dockerList]);
        for (const accept of [...OLD, [ociManifest], [dockerManifest]])
          await giveTheSame(`${name.split(':')[0]}@${headers['docker-content-digest']}`, accept);
      }
    });
  });

  it('converts where docker-registry 2.8 says 404, or goes back to schema1', async () => {
    const table: [name: string, accept: string[], theirs: number, ourType: string][] = [
      [`${source.single}:1`, [], 404, dockerSchema1],
      [`${source.single}:1`, [dockerManifest], 404, dockerManifest],
      [`${source.multi}:oci`, [], 404, dockerSchema1],
      [`${source.multi}:oci`, [dockerList], 404, dockerList],
      [`${source.multi}:oci`, [dockerManifest], 404, dockerManifest],
      [`${source.multi}:docker`, [ociIndex], 200, ociIndex],
      [`${source.multi}:docker`, [ociManifest], 200, ociManifest],
      [`${source.chain}:2`, [ociManifest], 200, ociManifest],
      [`${source.chain}:2-schema1`, [dockerManifest, dockerSchema1], 200, dockerManifest],
      [`${source.chain}:2-schema1`, [ociManifest], 200, ociManifest],
    ];
    for (const [name, accept, status, type] of table) {
      const where = `${name} to ${accept.join(', ')}`;
      assert.equal((await ask(source.host, name, accept)).status, status, where);
      const reply = await ask(ours, name, accept);
      assert.deepEqual([reply.status, reply.headers['content-type']], [200, type], where);
      const byDigest = await ask(ours, `${name.split(':')[0]}@${reply.headers['docker-content-digest']}`, []);
      assert.ok(byDigest.body.equals(reply.body), where);
      for (const { digest } of [documentOf(reply.body).config ?? []].flat())
        assert.equal((await fetch(`http://${ours}/v2/${name.split(':')[0]}/blobs/${digest}`)).status, 200);
    }
  });

  it('gives skopeo a schema1 whose digest and signature it accepts, with all its layers', async () => {
    const name = `${source.multi}:oci`;
    const { headers, body } = await ask(ours, name, []);
    const digest = headers['docker-content-digest'];
    const file = join(folder, 'schema1.json');
    await writeFile(file, body);
    assert.equal(await skopeo('manifest-digest', file), digest);
    assert.equal(JSON.parse(await lading('verify', file, '--json')).ok, true);
    const image = `docker://${ours}/${source.multi}@${digest}`;
    assert.ok(body.equals(Buffer.from(await skopeo('inspect', '--raw', '--tls-verify=false', image))));
    const copy = await temporaryFolder('dir');
    await skopeo('copy', '--src-tls-verify=false', '--preserve-digests', image, `dir:${copy}`);
    assert.ok(body.equals(await readFile(join(copy, 'manifest.json'))));
  });

  it('gives skopeo, Docker and containerd what is stored as schema1, as the image that lading makes of it', async function () {
    needs(this, 'dockerd', 'ctr');
    await pulled(ours, `${source.chain}:2-schema1`);
  });

  it('gives them what is in an archive of Docker before 1.10', async function () {
    needs(this, 'dockerd', 'ctr');
    const old = await serve(V1_ARCHIVE, { port: 0, schema1Default: true });
    try {
      const host = `127.0.0.1:${old.port}`;
      await pulled(host, 'library/tiny:1');
      await pulled(host, 'library/tiny:2');
      const { headers, body } = await ask(host, 'library/tiny:1', []);
      assert.equal(headers['content-type'], dockerSchema1);
      const { name, tag } = JSON.parse(body.toString());
      assert.deepEqual([name, tag], ['library/tiny', '1']);
      const digest = headers['docker-content-digest'];
      const copy = await temporaryFolder('dir');
      const image = `docker://${host}/library/tiny@${digest}`;
      await skopeo('copy', '--src-tls-verify=false', image, `dir:${copy}`);
      assert.equal(await skopeo('manifest-digest', join(copy, 'manifest.json')), digest);
    } finally {
      await old.close();
    }
  });

  async function pulled(host: string, name: string): Promise<void> {
    const image = `${host}/${name}`;
    const { body, headers } = await ask(host, name, [dockerManifest]);
    const id = documentOf(body).config?.digest;
    assert.equal(headers['content-type'], dockerManifest);

    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${image}`);
    assert.ok(body.equals(Buffer.from(raw)));
    const copy = await temporaryFolder('dir');
    await skopeo('copy', '--src-tls-verify=false', `docker://${image}`, `dir:${copy}`);

    const { docker, forgetImages } = await startDockerd();
    await forgetImages();
    await docker('pull', image);
    assert.equal(await docker('image', 'inspect', '--format', '{{.Id}}', image), id);

    const { ctr } = await startContainerd();
    const namespace = 'negotiation';
    await ctr(namespace, 'images', 'pull', '--plain-http', '--snapshotter', 'native', image);
    assert.match(
      await ctr(namespace, 'images', 'ls', `name==${image}`),
      new RegExp(String(headers['docker-content-digest'])),
    );
  }
});
