import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Context } from 'mocha';
import { payloadOf, type S3Client } from '../../src/s3/client.js';
import { connectToBucket } from '../../src/s3/connect.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { makeImage, pushAll } from '../support/images.js';
import { needs } from '../support/needs.js';
import type { BucketService } from '../support/programs/bucket-service.js';
import { runLading, startLading } from '../support/programs/lading.js';
import { startMoto } from '../support/programs/moto.js';
import { startRclone } from '../support/programs/rclone.js';
import { skopeo } from '../support/programs/skopeo.js';
import { startVersitygw, type Versitygw } from '../support/programs/versitygw.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const ARCHIVES = fileURLToPath(new URL('../../fixtures/archives/', import.meta.url));

/** Services that differ in what they do with the digest that a request is signed with. */
const SERVICES = [
  { what: 'versitygw', begin: startVersitygw, comparesDigests: true },
  { what: 'moto', begin: startMoto, comparesDigests: false },
  { what: 'rclone', begin: (context: Context) => startRclone(context), comparesDigests: false },
];

for (const { what, begin, comparesDigests } of SERVICES)
  describe(`a bucket of ${what}`, () => {
    let service: BucketService;
    let client: S3Client;
    let count = 0;
    /** A prefix that no other test has. */
    let prefix: string;
    let place: string;

    before(async function () {
      service = await begin(this);
      client = await connectToBucket(
        { bucket: 'images', prefix: '' },
        {},
        { environment: service.environment() },
      );
    });
    after(async () => {
      await client?.close();
      await service?.stop();
    });
    beforeEach(() => {
      count += 1;
      prefix = `test-${count}`;
      place = `s3://images/${prefix}`;
    });

    const lading = (args: readonly string[], through?: number) => succeed(service, args, through);

    it('gives back what was copied into it, through another process', async () => {
      for (const archive of ['docker20-multi.tar', 'regctl-export.tar', 'podman-multi.tar'])
        await lading(['copy', join(ARCHIVES, archive), place]);
      const folder = await temporaryFolder('bucket');
      await lading(['copy', place, `oci:${folder}/out`], 1);
      const [there, back] = await Promise.all([lading(['ls', place], 1), lading(['ls', `${folder}/out`])]);
      assert.equal(there, back);
      assert.match(await lading(['verify', place], 1), /all right/);
      assert.match(await lading(['inspect', place, '--json'], 1), /"images"/);
    });

    it('gets an index of the names that are in it', async () => {
      await lading(['copy', join(ARCHIVES, 'docker20-multi.tar'), place]);
      await lading(['index', place], 1);
      const file = await client.read(`${prefix}/index.json`, { maxBytes: 100_000 });
      assert.ok(file !== undefined && file !== 'unchanged');
      const { manifests } = JSON.parse(file.bytes.toString());
      const names = (manifests as { annotations: Record<string, string> }[]).map(
        ({ annotations }) => annotations['io.containerd.image.name'],
      );
      assert.deepEqual(names.sort(), ['docker.io/library/tiny:1', 'docker.io/library/tiny:2']);
    });

    it(`is written ${comparesDigests ? 'without' : 'with'} a warning that it compares no digests`, async () => {
      const copy = ['copy', join(ARCHIVES, 'docker20-multi.tar'), place];
      const { code, stderr } = await runLading(copy, { env: service.environment() });
      assert.equal(code, 0, stderr);
      const warnings = stderr.match(/^warning: .*$/gm) ?? [];
      assert.equal(warnings.length, comparesDigests ? 0 : 1, stderr);
      for (const warning of warnings)
        assert.match(warning, /127\.0\.0\.1:\d+ does not compare what it gets with the signed digest/);
    });

    it('loses names by rm, and by prune what no name leads to any more', async () => {
      /** Prunes until nothing is too young: clocks of services tell whole seconds, a second late. */
      const prune = async (): Promise<unknown[]> => {
        const args = ['prune', place, '--older-than', '0s', '--pause', '0s', '--json'];
        const { removed, young } = JSON.parse(await lading(args));
        return young.blobs === 0 ? removed : [...removed, ...(await prune())];
      };
      await lading(['copy', join(ARCHIVES, 'docker20-multi.tar'), place]);
      await lading(['index', place]);
      const told = JSON.parse(await lading(['rm', place, 'tiny:1', '--dry-run', '--json'], 1));
      assert.deepEqual(JSON.parse(await lading(['rm', place, 'tiny:1', '--json'])), {
        ...told,
        dryRun: false,
      });
      assert.doesNotMatch(await lading(['ls', place], 1), /tiny:1/);
      assert.ok((await prune()).length > 0);
      assert.match(await lading(['verify', place], 1), /all right/);
      await lading(['rm', place, '**'], 1);
      const { images } = JSON.parse(await lading(['ls', place, '--json']));
      assert.deepEqual(images, []);
      await prune();
      const left: string[] = [];
      for await (const { key } of client.list(`${prefix}/blobs/`)) left.push(key);
      assert.deepEqual(left, []);
    });

    it('removes an object only if it is what it was', async () => {
      const key = `${prefix}/moved`;
      const first = await client.put(key, payloadOf(Buffer.from('first')));
      const second = await client.put(key, payloadOf(Buffer.from('second')));
      assert.equal(await client.delete(key, { etag: first?.etag }), false);
      assert.equal((await client.head(key))?.etag, second?.etag);
      assert.equal(await client.delete(key, { etag: second?.etag }), true);
      assert.equal(await client.head(key), undefined);
    });

    it('says what is damaged', async () => {
      await lading(['copy', join(ARCHIVES, 'docker20-multi.tar'), place]);
      let largest = { key: '', size: 0 };
      for await (const listed of client.list(`${prefix}/blobs/`))
        if (listed.size > largest.size) largest = listed;
      await client.put(largest.key, payloadOf(Buffer.alloc(largest.size, 'x')));
      const { code, stdout } = await runLading(['verify', place], { env: service.environment(1) });
      assert.equal(code, 3);
      assert.match(stdout, new RegExp(largest.key.slice(-64)));
    });

    it('takes a large blob in parts, and what a killed run has sent is not sent again', async function () {
      this.timeout(180_000);
      const folder = await temporaryFolder('large');
      const image = await makeImage({ seed: 'parts', layers: [60_000_000] });
      const store = await openLayoutForWriting(join(folder, 'layout'));
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, 'registry.test/large:1');
      await store.commit();
      await store.close();
      const copy = ['copy', `oci:${folder}/layout`, place, '--part-size', '5M'];
      const hex = image.layers[0]?.descriptor.digest.slice('sha256:'.length);
      const key = `${prefix}/blobs/sha256/${hex}`;
      const sent = async () => {
        const uploads = await client.uploadsOf(key);
        const states = await Promise.all(uploads.map((upload) => client.stateOfUpload(upload)));
        return states.map((state) => state?.parts.length ?? 0);
      };
      const slow = await startLading([...copy, '--limit-rate', '10M'], { env: service.environment() });
      while (((await sent())[0] ?? 0) < 3) {
        assert.equal(slow.process.exitCode, null, 'it is killed before it has ended');
        await delay(100);
      }
      slow.process.kill('SIGKILL');
      await slow.outcome;
      const [parts = 0, ...others] = await sent();
      assert.ok(parts >= 3 && parts < 12 && others.length === 0, `${parts} parts of 12 were sent`);
      assert.equal(await client.head(key), undefined);
      await lading(copy, 1);
      // An upload of its own would have left the other one behind.
      assert.deepEqual(await sent(), []);
      assert.match(await lading(['verify', place]), /all right/);
      assert.match(await lading(['copy', place, `oci:${folder}/back`], 1), /1 image/);
    });
  });

describe('a bucket of rclone 1.75, which ignores conditions', () => {
  let service: BucketService;
  before(async function () {
    service = await startRclone(this, '1.75.2');
  });
  after(() => service?.stop());

  it('is refused, unless nobody else writes there', async () => {
    const copy = ['copy', join(ARCHIVES, 'docker20-multi.tar'), 's3://images/shop'];
    const { code, stderr } = await runLading(copy, { env: service.environment() });
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^lading: 127\.0\.0\.1:\d+ ignores If-None-Match, so of two writers into s3:\/\/images\/shop one would lose its names\nhint: .*--single-writer/m,
    );
    await succeed(service, [...copy, '--single-writer']);
    assert.match(await succeed(service, ['ls', 's3://images/shop']), /tiny:1.*\n.*tiny:2/);
    assert.match(await succeed(service, ['verify', 's3://images/shop']), /all right/);
  });
});

describe('a bucket of two processes of versitygw', () => {
  let service: Versitygw;
  let count = 0;
  /** A prefix that no other test has. */
  let place: string;

  before(async function () {
    service = await startVersitygw(this);
  });
  after(() => service?.stop());
  beforeEach(() => {
    count += 1;
    place = `s3://images/test-${count}`;
  });

  const lading = (args: readonly string[], through?: number) => succeed(service, args, through);
  const folderOf = (location: string): string => join(service.bucket, location.slice('s3://images/'.length));
  const blobsIn = (location: string): string[] =>
    readdirSync(join(folderOf(location), 'blobs', 'sha256')).sort();

  it('is a layout for skopeo, with its index, and one that skopeo wrote is read', async function () {
    needs(this, 'skopeo');
    await lading(['copy', join(ARCHIVES, 'skopeo-oci-archive.tar'), place]);
    await lading(['index', place]);
    const folder = await temporaryFolder('layout');
    await cp(folderOf(place), join(folder, 'copied'), { recursive: true });
    await skopeo('copy', `oci:${folder}/copied`, `oci:${folder}/written:again`);
    await cp(join(folder, 'written'), join(service.bucket, 'foreign'), { recursive: true });
    assert.match(await lading(['ls', 's3://images/foreign']), /^again /m);
    assert.match(await lading(['verify', 's3://images/foreign']), /all right/);
  });

  it('lets one of many writers be the first, whichever process they ask', async () => {
    const clients = await Promise.all(
      Array.from({ length: 16 }, (_, writer) =>
        connectToBucket({ bucket: 'images', prefix: '' }, {}, { environment: service.environment(writer) }),
      ),
    );
    try {
      for (const round of [1, 2, 3]) {
        const key = `race-${round}`;
        const made = await Promise.all(
          clients.map((client, writer) =>
            client.put(key, payloadOf(Buffer.from(`${writer}`)), { condition: { isNew: true } }),
          ),
        );
        const [first] = made.filter((written) => written !== undefined);
        assert.equal(made.filter((written) => written !== undefined).length, 1);
        const moved = await Promise.all(
          clients.map((client, writer) =>
            client.put(key, payloadOf(Buffer.from(`moved ${writer}`)), { condition: { etag: first?.etag } }),
          ),
        );
        assert.equal(moved.filter((written) => written !== undefined).length, 1);
      }
    } finally {
      for (const client of clients) await client.close();
    }
  });

  it('has every name and each blob once after many writers, of which some were killed', async function () {
    this.timeout(180_000);
    const folder = await temporaryFolder('writers');
    const layouts = [0, 1, 2, 3].map((writer) => join(folder, `${writer}`));
    for (const [writer, layout] of layouts.entries()) {
      const store = await openLayoutForWriting(layout);
      for (let image = 0; image < 5; image += 1) {
        const seed = `${writer} ${image}`;
        const made = await makeImage({ seed, layers: [6_000_000, 2000], seeds: ['shared', seed] });
        await pushAll(store, made.all);
        await store.tag(made.manifest.descriptor, `registry.test/app-${writer}:${image}`);
      }
      await store.commit();
      await store.close();
    }
    const copy = (writer: number) => ['copy', `oci:${layouts[writer]}`, place, '--part-size', '5M'];
    await Promise.all(
      layouts.map(async (_, writer) => {
        const running = await startLading(copy(writer), { env: service.environment(writer) });
        if (writer % 2 === 0) setTimeout(() => running.process.kill('SIGKILL'), 300 + 150 * writer);
        await running.outcome;
      }),
    );
    await Promise.all(layouts.map((_, writer) => lading(copy(writer), writer + 1)));
    const names = (await lading(['ls', place])).match(/registry\.test\/app-\d:\d/g) ?? [];
    assert.equal(names.length, 20);
    assert.match(await lading(['verify', place], 1), /all right/);
    const single = join(folder, 'single');
    for (const layout of layouts) await lading(['copy', `oci:${layout}`, `oci:${single}`]);
    assert.deepEqual(blobsIn(place), readdirSync(join(single, 'blobs', 'sha256')).sort());
  });
});

/** Runs a command through one of the processes; it must succeed. */
async function succeed(service: BucketService, args: readonly string[], through = 0): Promise<string> {
  const { code, stdout, stderr } = await runLading(args, { env: service.environment(through) });
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  assert.doesNotMatch(stderr, /MaxListenersExceeded/);
  return stdout;
}
