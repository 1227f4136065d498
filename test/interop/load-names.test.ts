import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { type MadeImage, type MadeIndex, makeImage, makeIndex } from '../support/images.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { lading, ladingJSON, runLading } from '../support/programs/lading.js';
import { getManifest } from '../support/programs/registry-content.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { archiveOf, heldAt, load, tagsAt } from './loaded.js';
import { refuses } from './refusal.js';

let host: string;
let proxy: FaultProxy;
let folder: string;
let index: MadeIndex;
let amd64: MadeImage;
let other: MadeImage;
let archive: string;

before(async function () {
  needs(this, 'docker-registry');
  ({ host } = await startDockerRegistry());
  proxy = await startFaultProxy(host);
  atEnd(proxy.stop);
  folder = await temporaryFolder('names');
  amd64 = await makeImage({ seed: 'names amd64' });
  const arm64 = await makeImage({ seed: 'names arm64', platform: { os: 'linux', architecture: 'arm64' } });
  index = makeIndex([amd64, arm64]);
  other = await makeImage({ seed: 'names other' });
  archive = await archiveOf({ 'example.com/team/app:1': index, 'docker.io/library/base:2': other });
});

const rootOf = ({ manifest }: MadeIndex | MadeImage) => manifest.descriptor.digest;
const digestAt = async (repository: string, tag: string) => (await getManifest(host, repository, tag)).digest;
/** Bytes of blobs that went through the proxy. */
const blobBytes = () =>
  proxy.passed.reduce((sum, { path, sent }) => sum + (path.includes('/blobs/') ? sent : 0), 0);

describe('the names that load gives in docker-registry', () => {
  it('are those of the archive under the prefix', async () => {
    await load(archive, `${host}/plain`);
    assert.equal(await digestAt('plain/team/app', '1'), rootOf(index));
    assert.equal(await digestAt('plain/library/base', '2'), rootOf(other));
  });

  it('have the source’s host in them with --keep-host', async () => {
    await load(archive, `${host}/kept`, '--keep-host');
    assert.equal(await digestAt('kept/example.com/team/app', '1'), rootOf(index));
    assert.equal(await digestAt('kept/docker.io/library/base', '2'), rootOf(other));
  });

  it('follow the rules of --map, and are told by --write-map', async () => {
    const rules = join(folder, 'rules.yaml');
    const map = join(folder, 'map.tsv');
    await writeFile(
      rules,
      [
        'maxDepth: 3',
        'rules:',
        '  - exact: docker.io/library/base:2',
        '    to: golden:stable',
        '  - regex: ^example\\.com/([a-z]+)/(.*)$',
        '    to: from/$1/deep/$2',
      ].join('\n'),
    );
    await load(archive, `${host}/mapped`, '--map', rules, '--write-map', map);
    assert.equal(await digestAt('mapped/golden', 'stable'), rootOf(other));
    assert.equal(await digestAt('mapped/from/team-deep-app', '1'), rootOf(index));
    assert.deepEqual((await readFile(map, 'utf8')).trimEnd().split('\n').sort(), [
      `docker.io/library/base:2\t${host}/mapped/golden:stable\t${rootOf(other)}`,
      `example.com/team/app:1\t${host}/mapped/from/team-deep-app:1\t${rootOf(index)}`,
    ]);
  });

  it('may not be one for two images', async () => {
    const rules = join(folder, 'colliding.yaml');
    await writeFile(rules, 'rules:\n  - regex: ^.*$\n    to: same:1\n');
    await refuses(2, /would both become .*colliding\/same:1/, [
      ...['load', '--input', archive, `${host}/colliding`, '--map', rules],
    ]);
    assert.deepEqual(await tagsAt(host, 'colliding/same'), []);
  });

  it('are only told with --dry-run', async () => {
    proxy.passed.length = 0;
    const { images } = await load(archive, `${proxy.host}/dry`, '--dry-run');
    assert.deepEqual(images.map(({ pushed }) => pushed).sort(), [
      `${proxy.host}/dry/library/base:2`,
      `${proxy.host}/dry/team/app:1`,
    ]);
    assert.ok(proxy.passed.length > 0);
    assert.ok(proxy.passed.every(({ method }) => method === 'HEAD' || method === 'GET'));
  });

  it('do not move with --no-clobber, and do without', async () => {
    await load(archive, `${host}/clobber`);
    const moved = await makeImage({ seed: 'moved' });
    const newer = await archiveOf({ 'docker.io/library/base:2': moved });
    proxy.passed.length = 0;
    const args = ['load', '--input', newer, `${proxy.host}/clobber`, '--no-clobber'];
    await refuses(1, new RegExp(`base:2 already exists .*${rootOf(other)}`), args);
    assert.deepEqual(
      proxy.passed.filter(({ method }) => method !== 'HEAD' && method !== 'GET'),
      [],
    );
    assert.equal(await digestAt('clobber/library/base', '2'), rootOf(other));

    await load(newer, `${host}/clobber`);
    assert.equal(await digestAt('clobber/library/base', '2'), rootOf(moved));
    await lading('load', '--input', newer, `${host}/clobber`, '--no-clobber');
  });
});

describe('a sparse archive', () => {
  let sparse: string;

  before(async () => {
    await load(archive, `${host}/whole`);
    sparse = join(folder, 'sparse.tar');
    await lading(
      ...['save', `${host}/whole/team/app:1`, '--platform', 'linux/amd64', '--index', 'sparse'],
      ...['--output', sparse],
    );
  });

  it('is refused in the words of docker-registry, which wants all children, with what is absent', async () => {
    // docker-registry answers 400 MANIFEST_BLOB_UNKNOWN.
    const args = ['load', '--input', sparse, `${host}/sparse`, '--quiet'];
    const { message, hint } = await refuses(1, /MANIFEST_BLOB_UNKNOWN: blob unknown to registry/, args);
    assert.match(message, /whole\/team\/app:1 comes without some of its children/);
    assert.match(hint, /--index rewrite/);
    assert.deepEqual(await tagsAt(host, 'sparse/whole/team/app'), []);
  });

  it('goes where the other children are already, and says what it leaves out on purpose', async () => {
    const [, arm64] = await heldAt(host, 'whole/team/app', '1');
    const { stderr, code } = await runLading(['load', '--input', sparse, host, '--progress', 'none']);
    assert.equal(code, 0, stderr);
    assert.ok(stderr.includes(`on purpose: ${arm64?.digest}`), stderr);
    assert.equal(await digestAt('whole/team/app', '1'), rootOf(index));
  });
});

describe('copy to docker-registry', () => {
  interface Copied {
    images: { copied: string; digest: string }[];
    blobs: { total: number; copied: number; mounted: number; present: number };
    bytes: { copied: number };
  }
  const copy = (from: string, to: string) => ladingJSON<Copied>('copy', `docker://${from}`, `docker://${to}`);

  before(() => load(archive, `${host}/from`));

  it('from the same registry mounts every blob: no byte of one is uploaded', async () => {
    proxy.passed.length = 0;
    const { blobs } = await copy(`${proxy.host}/from/team/app:1`, `${proxy.host}/mounted/app:1`);
    assert.deepEqual([blobs.copied, blobs.mounted], [0, blobs.total]);
    assert.ok(blobs.total >= 4);
    assert.equal(blobBytes(), 0);
    assert.equal(await digestAt('mounted/app', '1'), rootOf(index));
    assert.equal((await heldAt(host, 'mounted/app', '1')).length, 2);
  });

  it('from another registry sends every blob, and nothing the second time', async function () {
    needs(this, 'docker-registry');
    const second = await startDockerRegistry();
    const through = await startFaultProxy(second.host);
    atEnd(through.stop);
    const name = `${through.host}/copied/app:1`;
    const { blobs, images } = await copy(`${host}/from/team/app:1`, name);
    assert.deepEqual([blobs.copied, blobs.mounted], [blobs.total, 0]);
    assert.equal(images[0]?.digest, rootOf(index));
    assert.equal((await heldAt(second.host, 'copied/app', '1')).length, 2);
    through.passed.length = 0;
    const again = await copy(`${host}/from/team/app:1`, name);
    assert.equal(again.blobs.present, blobs.total);
    assert.ok(through.passed.every(({ method, path }) => method === 'HEAD' || !path.includes('/blobs/')));
  });
});
