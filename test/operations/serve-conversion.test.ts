import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import type { Platform } from '../../src/content/platform.js';
import { signedPayload, verifySchema1Signatures } from '../../src/manifest/docker-schema1-signature.js';
import { EMPTY_LAYER } from '../../src/manifest/empty-layer.js';
import { type ImageIndex, type ImageManifest, parseManifest } from '../../src/manifest/manifest.js';
import {
  createConversions,
  type ServeConversionOptions,
  type ServeConversions,
} from '../../src/operations/serve-conversion.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createMemoryRepositories } from '../../src/store/memory-repositories.js';
import type { ReadonlyStore, Store } from '../../src/store/store.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { countingFetches, overriding } from '../support/openers.js';
import { codesOf, type Reply, type Served, serve } from '../support/registry-server.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

const { ociIndex, ociManifest, dockerManifestList, dockerManifest } = MEDIA_TYPE;
const { dockerSchema1: unsigned, dockerSchema1Signed: schema1 } = MEDIA_TYPE;
const ARM64: Platform = { os: 'linux', architecture: 'arm64' };
const S390X: Platform = { os: 'linux', architecture: 's390x' };

describe('conversions for a server', () => {
  let store: Store;
  let served: Served;
  let conversions: ServeConversions;
  let warnings: string[];
  let docker: MadeImage;
  let oci: MadeImage;
  let arm64: MadeImage;

  before(async () => {
    docker = await makeImage({ seed: 'docker', format: 'docker' });
    oci = await makeImage({ seed: 'oci' });
    arm64 = await makeImage({ seed: 'arm64', platform: ARM64 });
  });
  beforeEach(async () => {
    store = createMemoryStore();
    await start();
  });
  afterEach(() => stop());

  async function start(options: ServeConversionOptions = {}, of: ReadonlyStore = store): Promise<void> {
    warnings = [];
    conversions = createConversions({ onWarning: (message) => warnings.push(message), ...options });
    served = await serve({ app: of, 'some/other': of }, { conversions, drainMs: 0 });
  }
  async function stop(): Promise<void> {
    await conversions.close();
    await served.close();
  }
  async function restart(...[options, of]: Parameters<typeof start>): Promise<void> {
    await stop();
    await start(options, of);
  }
  async function keep({ all, manifest }: MadeImage | MadeIndex, ...tags: string[]): Promise<void> {
    await pushAll(store, all);
    for (const tag of tags) await store.tag(manifest.descriptor, tag);
  }
  /** GET of a manifest, after HEAD has given the same head. */
  async function manifest(reference: string, ...accept: string[]): Promise<Reply> {
    const path = `/v2/app/manifests/${reference}`;
    const headers = accept.length === 0 ? {} : { Accept: accept.join(', ') };
    const head = await served.ask(path, { method: 'HEAD', headers });
    const reply = await served.ask(path, { headers });
    assert.equal(head.status, reply.status);
    assert.deepEqual({ ...head.headers, date: '' }, { ...reply.headers, date: '' });
    return reply;
  }
  /** The content of a served manifest, after it was found the same under its digest, whatever is accepted then. */
  async function converted(reference: string, ...accept: string[]): Promise<Content> {
    const { status, headers, body } = await manifest(reference, ...accept);
    assert.equal(status, 200, body.toString());
    assert.equal(headers['content-length'], String(body.byteLength));
    assert.equal(headers.vary, 'Accept');
    const { 'content-type': mediaType = '', 'docker-content-digest': digest } = headers;
    assert.equal(headers.etag, `"${digest}"`);
    const payload = mediaType === schema1 ? signedPayload(body) : undefined;
    const content = contentOf(mediaType, payload ?? body);
    assert.equal(digest, content.descriptor.digest);
    for (const other of [[], ['*/*'], [ociIndex]]) {
      const again = await manifest(content.descriptor.digest, ...other);
      assert.deepEqual([again.status, again.headers['content-type']], [200, mediaType]);
      assert.ok(again.body.equals(body));
    }
    return { ...content, bytes: body };
  }
  async function image(reference: string, ...accept: string[]): Promise<ImageManifest> {
    const { bytes, descriptor } = await converted(reference, ...accept);
    return parseManifest(bytes, descriptor) as ImageManifest; // the caller has asked for one
  }
  async function blob(digest: Digest): Promise<Buffer> {
    const { status, body } = await served.ask(`/v2/app/blobs/${digest}`);
    assert.equal(status, 200);
    assert.equal(digestOf(body), digest);
    return body;
  }

  describe('of an image', () => {
    for (const [name, accept] of Object.entries({
      'no Accept header': [],
      wildcards: ['*/*', 'application/*'],
      'schema1 only, as Docker 1.9 does': [schema1],
    })) {
      it(`give a signed schema1 of schema2 and OCI images to a client that sends ${name}`, async () => {
        await keep(docker, 'docker');
        await keep(oci, 'oci');
        for (const [tag, { layers }] of Object.entries({ docker, oci })) {
          const { bytes, descriptor } = await converted(tag, ...accept);
          assert.equal(descriptor.mediaType, schema1);
          assert.equal(verifySchema1Signatures(bytes).length, 1);
          const document = JSON.parse(bytes.toString());
          assert.deepEqual([document.name, document.tag], ['app', tag]);
          assert.deepEqual(
            document.fsLayers.map((layer: { blobSum: string }) => layer.blobSum),
            layers.map(({ descriptor }) => descriptor.digest).reverse(),
          );
          for (const layer of layers) assert.ok((await blob(layer.descriptor.digest)).equals(layer.bytes));
        }
      });
    }

    it('turn schema2 into OCI and OCI into schema2 where only that is accepted, and keep the config', async () => {
      await keep(docker, 'docker');
      await keep(oci, 'oci');
      assert.equal((await image('docker', ociManifest)).config.digest, docker.config.descriptor.digest);
      const made = await image('oci', dockerManifest, dockerManifestList, schema1);
      assert.equal(made.mediaType, dockerManifest);
      assert.equal(made.config.digest, oci.config.descriptor.digest);
      assert.equal(made.config.mediaType, MEDIA_TYPE.dockerConfig);
    });

    it('leave the bytes alone by digest, and by tag where they are accepted', async () => {
      await keep(docker, 'docker');
      const { digest } = docker.manifest.descriptor;
      for (const accept of [[], ['*/*'], [schema1], [ociManifest]]) {
        const { body, headers } = await manifest(digest, ...accept);
        assert.ok(body.equals(docker.manifest.bytes));
        assert.equal(headers.vary, undefined);
      }
      const { body, headers } = await manifest('docker', schema1, `${dockerManifest};q=0.1`);
      assert.ok(body.equals(docker.manifest.bytes));
      assert.equal(headers.vary, 'Accept');
    });

    it('name the empty layer of schema1, and have it', async () => {
      const empty = { created_by: 'CMD ["sh"]', empty_layer: true };
      const document = JSON.parse(docker.config.bytes.toString());
      const config = jsonContent(MEDIA_TYPE.dockerConfig, {
        ...document,
        history: [empty, ...document.history],
      });
      const manifest = jsonContent(dockerManifest, {
        ...JSON.parse(docker.manifest.bytes.toString()),
        config: config.descriptor,
      });
      await keep({ manifest, all: [...docker.layers, config, manifest] }, 'empty');
      assert.equal((await served.ask(`/v2/app/blobs/${EMPTY_LAYER.digest}`)).status, 404);
      const { fsLayers } = JSON.parse((await converted('empty')).bytes.toString());
      assert.equal(fsLayers.at(-1).blobSum, EMPTY_LAYER.digest);
      assert.ok((await blob(EMPTY_LAYER.digest)).equals(EMPTY_LAYER.bytes));
      const part = await served.ask(`/v2/app/blobs/${EMPTY_LAYER.digest}`, {
        headers: { Range: 'bytes=1-2' },
      });
      assert.deepEqual([part.status, part.body], [206, EMPTY_LAYER.bytes.subarray(1, 3)]);
    });

    it('are the same after a restart, and another schema1 for another tag', async () => {
      await keep(docker, '1', '2');
      const digests = async () => {
        const made = [await converted('1'), await converted('2'), await converted('1', ociManifest)];
        return made.map(({ descriptor }) => descriptor.digest);
      };
      const before = await digests();
      assert.equal(new Set(before).size, 3);
      await restart();
      assert.equal((await manifest(before[0] ?? '')).status, 404);
      assert.deepEqual(await digests(), before);
    });

    it('are known in the repository that they were asked for in', async () => {
      await keep(docker, '1');
      const { descriptor } = await converted('1', ociManifest);
      const path = `/v2/some/other/manifests/${descriptor.digest}`;
      assert.deepEqual(codesOf(await served.ask(path)), ['MANIFEST_UNKNOWN']);
      await served.ask('/v2/some/other/manifests/1', { headers: { Accept: ociManifest } });
      assert.equal((await served.ask(path)).status, 200);
    });

    it('are held against If-None-Match, not what is stored', async () => {
      await keep(docker, '1');
      const { descriptor } = await converted('1');
      const status = async (tag: string, accept: string): Promise<number> => {
        const headers = { 'If-None-Match': tag, Accept: accept };
        return (await served.ask('/v2/app/manifests/1', { headers })).status;
      };
      const stored = docker.manifest.descriptor.digest;
      assert.equal(await status(`"x", W/"${descriptor.digest}"`, '*/*'), 304);
      assert.equal(await status(`"${stored}"`, '*/*'), 200);
      assert.equal(await status(`"${stored}"`, dockerManifest), 304);
      assert.equal(await status(`"${descriptor.digest}"`, dockerManifest), 200);
    });

    it('are made again when they were forgotten, with the same digest', async () => {
      await restart({ keptBytes: 0 });
      await keep(docker, '1');
      const { descriptor } = await converted('1', ociManifest);
      assert.equal((await manifest(descriptor.digest)).status, 200);
      const old = await manifest('1');
      const again = await manifest(String(old.headers['docker-content-digest']));
      assert.deepEqual([again.status, again.headers['content-length']], [200, old.headers['content-length']]);
    });

    it('give the stored bytes where there is no other form, and say why once', async () => {
      const zstd = await makeImage({ seed: 'zstd' });
      const document = JSON.parse(zstd.manifest.bytes.toString());
      for (const layer of document.layers) layer.mediaType = MEDIA_TYPE.ociLayerZstd;
      const changed = jsonContent(ociManifest, document);
      await keep({ manifest: changed, all: [...zstd.layers, zstd.config, changed] }, 'zstd');
      const note = makeReferrer(docker.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
      await keep(note, 'note');
      const signature = makeCosignSignature(docker.manifest.descriptor);
      await keep(signature, signature.tag);
      const broken = jsonContent(ociManifest, { ...document, config: docker.config.descriptor });
      await keep({ manifest: broken, all: [broken] }, 'without-config');
      for (const [tag, { bytes }] of [
        ['zstd', changed],
        ['note', note.manifest],
        [signature.tag, signature.manifest],
        ['without-config', broken],
      ] as const) {
        for (const accept of [[], [dockerManifest], [schema1]]) {
          const { status, headers, body } = await manifest(tag, ...accept);
          assert.deepEqual([status, headers['content-type']], [200, ociManifest]);
          assert.ok(body.equals(bytes));
        }
      }
      assert.deepEqual(
        warnings.map((warning) => warning.split(':')[1]?.split(' ')[0]),
        ['zstd', 'zstd', 'without-config', 'without-config'],
      );
    });
  });

  describe('of an index', () => {
    it('are the other form of it, children and all, where only that is accepted', async () => {
      await keep(makeIndex([oci, arm64]), 'oci');
      const list = await converted('oci', dockerManifestList, dockerManifest);
      assert.equal(list.descriptor.mediaType, dockerManifestList);
      const { manifests } = parseManifest(list.bytes, list.descriptor) as ImageIndex;
      assert.deepEqual(
        manifests.map(({ platform }) => platform?.architecture),
        ['amd64', 'arm64'],
      );
      for (const [place, child] of manifests.entries()) {
        const { body, headers } = await manifest(child.digest);
        assert.equal(headers['content-type'], dockerManifest);
        const { config } = parseManifest(body) as ImageManifest;
        assert.equal(config.digest, [oci, arm64][place]?.config.descriptor.digest);
      }
      await keep(makeIndex([docker], { format: 'docker' }), 'docker');
      assert.equal((await converted('docker', ociIndex)).descriptor.mediaType, ociIndex);
    });

    it('are the image of linux/amd64, in what the client accepts of it', async () => {
      await keep(makeIndex([arm64, oci]), 'multi');
      const { digest } = oci.manifest.descriptor;
      assert.equal((await converted('multi', ociManifest, dockerManifest)).descriptor.digest, digest);
      const { mediaType, config } = await image('multi', dockerManifest);
      assert.deepEqual([mediaType, config.digest], [dockerManifest, oci.config.descriptor.digest]);
      const old = JSON.parse((await converted('multi')).bytes.toString());
      assert.deepEqual([old.name, old.tag, old.architecture], ['app', 'multi', 'amd64']);
    });

    it('are the image of another platform where that was chosen', async () => {
      await restart({ platform: ARM64 });
      await keep(makeIndex([oci, arm64]), 'multi');
      assert.equal(JSON.parse((await converted('multi')).bytes.toString()).architecture, 'arm64');
      assert.equal((await image('multi', ociManifest)).config.digest, arm64.config.descriptor.digest);
    });

    it('are its only image, whatever it runs on', async () => {
      const { manifest: attestation, all } = makeReferrer(arm64.manifest.descriptor, {
        artifactType: 'application/vnd.in-toto+json',
        payload: '{}',
      });
      const index = jsonContent(ociIndex, {
        schemaVersion: 2,
        mediaType: ociIndex,
        manifests: [
          { ...arm64.manifest.descriptor, platform: ARM64 },
          {
            ...attestation.descriptor,
            platform: { os: 'unknown', architecture: 'unknown' },
            annotations: {
              'vnd.docker.reference.type': 'attestation-manifest',
              'vnd.docker.reference.digest': arm64.manifest.descriptor.digest,
            },
          },
        ],
      });
      await keep({ manifest: index, all: [...arm64.all, ...all, index] }, 'single');
      const { digest } = arm64.manifest.descriptor;
      assert.equal((await converted('single', ociManifest)).descriptor.digest, digest);
    });

    it('are refused where several images could be meant', async () => {
      const s390x = await makeImage({ seed: 's390x', platform: S390X });
      await keep(makeIndex([arm64, s390x]), 'several');
      const reply = await served.ask('/v2/app/manifests/several', { headers: { Accept: dockerManifest } });
      assert.deepEqual([reply.status, codesOf(reply)], [404, ['MANIFEST_UNKNOWN']]);
      assert.match(reply.body.toString(), /not there for linux\/amd64.*linux\/arm64, linux\/s390x/);
      assert.equal(reply.headers.vary, 'Accept');
    });

    it('are refused without reading the index again, until another of its images comes', async () => {
      const s390x = await makeImage({ seed: 's390x', platform: S390X });
      const index = makeIndex([arm64, s390x, oci]);
      const counted = countingFetches(store);
      await restart({}, counted);
      await keep({ ...index, all: [...arm64.all, ...s390x.all, index.manifest] }, 'one', 'two');
      const ask = (tag: string): Promise<Reply> =>
        served.ask(`/v2/app/manifests/${tag}`, { headers: { Accept: ociManifest } });
      for (const tag of ['one', 'two', 'one', 'two']) {
        const reply = await ask(tag);
        assert.equal(reply.status, 404);
        assert.match(reply.body.toString(), new RegExp(`"${tag} is not there for`));
        if (tag === 'one') counted.fetches.length = 0;
        else assert.deepEqual(counted.fetches, []);
      }
      await pushAll(store, oci.all);
      assert.equal((await ask('one')).headers['docker-content-digest'], oci.manifest.descriptor.digest);
    });

    it('pass over children that are not there', async () => {
      const index = makeIndex([oci, arm64, docker]);
      const there = index.all.filter(({ descriptor }) => descriptor !== arm64.manifest.descriptor);
      await keep({ ...index, all: there }, 'sparse');
      const list = await converted('sparse', dockerManifestList);
      const { manifests } = parseManifest(list.bytes, list.descriptor) as ImageIndex;
      assert.deepEqual(
        manifests.map(({ mediaType }) => mediaType),
        [dockerManifest, ociManifest, dockerManifest],
      );
      assert.equal((await image('sparse', dockerManifest)).config.digest, oci.config.descriptor.digest);
      // Nothing but the platform that was pulled when it was saved.
      const two = makeIndex([oci, arm64]);
      await pushAll(store, [two.manifest]);
      const only = overriding(store, {
        resolve: async () => two.manifest.descriptor,
        exists: async (descriptor: Content['descriptor']) =>
          descriptor.digest !== oci.manifest.descriptor.digest && store.exists(descriptor),
      });
      await pushAll(store, arm64.all);
      await restart({}, only);
      const reply = await served.ask('/v2/app/manifests/x', { headers: { Accept: ociManifest } });
      assert.equal(reply.headers['docker-content-digest'], arm64.manifest.descriptor.digest);
    });

    it('are the index itself where it has no image', async () => {
      const note = makeReferrer(docker.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
      const index = jsonContent(ociIndex, {
        schemaVersion: 2,
        mediaType: ociIndex,
        manifests: [note.manifest.descriptor],
      });
      await keep({ manifest: index, all: [...note.all, index] }, 'notes');
      for (const accept of [[], [dockerManifest]])
        assert.ok((await manifest('notes', ...accept)).body.equals(index.bytes));
    });
  });

  describe('in a registry that takes pushes', () => {
    let writing: WritableServed;
    beforeEach(async () => {
      writing = await serveWritable({}, { conversions });
    });
    afterEach(() => writing.close());

    const path = (reference: string): string => `/v2/a/manifests/${reference}`;
    const statusOf = async (reference: string): Promise<number> =>
      (await writing.ask(path(reference))).status;
    const deleted = async ({ manifest }: MadeImage | MadeIndex): Promise<void> => {
      const reply = await writing.ask(path(manifest.descriptor.digest), { method: 'DELETE' });
      assert.equal(reply.status, 202);
    };
    const convertedAs = async (tag: string, mediaType: string): Promise<Content> => {
      const { body, headers } = await writing.ask(path(tag), { headers: { Accept: mediaType } });
      assert.equal(headers['content-type'], mediaType);
      return contentOf(mediaType, body);
    };
    const childrenOf = ({ bytes, descriptor }: Content): Digest[] =>
      (parseManifest(bytes, descriptor) as ImageIndex).manifests.map(({ digest }) => digest);

    it('are gone with the image when it is deleted, and come again with it', async () => {
      await writing.pushAll(oci.all);
      await writing.pushManifest(oci.manifest, '1');
      const { digest } = (await convertedAs('1', dockerManifest)).descriptor;
      assert.equal(await statusOf(digest), 200);
      await deleted(oci);
      assert.equal(await statusOf(digest), 404);
      await writing.pushManifest(oci.manifest, '1');
      assert.equal(await statusOf(digest), 404, 'nobody has asked for it');
      assert.equal((await convertedAs('1', dockerManifest)).descriptor.digest, digest);
      assert.equal(await statusOf(digest), 200);
    });

    it('are gone with a child of an index, and with the index', async () => {
      const index = makeIndex([oci, arm64]);
      await writing.pushAll(index.all);
      await writing.pushManifest(index.manifest, '1');
      const list = await convertedAs('1', dockerManifestList);
      const [ofFirst = '', ofSecond = ''] = childrenOf(list);
      await deleted(arm64);
      assert.deepEqual([await statusOf(ofFirst), await statusOf(ofSecond)], [200, 404]);
      await deleted(index);
      for (const digest of [list.descriptor.digest, ofFirst]) assert.equal(await statusOf(digest), 404);
    });

    it('are stored when an index is pushed that names them: HEAD has said that they are there', async () => {
      const index = makeIndex([oci, arm64]);
      await writing.pushAll(index.all);
      await writing.pushManifest(index.manifest, '1');
      const list = await convertedAs('1', dockerManifestList);
      for (const child of childrenOf(list))
        assert.equal((await writing.ask(path(child), { method: 'HEAD' })).status, 200);
      assert.equal((await writing.pushManifest(list, 'list')).status, 201);
      for (const image of [index, oci, arm64]) await deleted(image);
      assert.equal(await statusOf('list'), 200);
      for (const child of childrenOf(list)) assert.equal(await statusOf(child), 200);
    });

    it('are stored with their config when one is given another tag of its repository', async () => {
      await writing.pushAll(docker.all);
      await writing.pushManifest(docker.manifest, '1');
      const signed = await writing.ask(path('1'), { headers: { Accept: schema1 } });
      const old = { ...docker.manifest, bytes: signed.body };
      old.descriptor = { ...old.descriptor, mediaType: schema1 };
      assert.equal((await writing.pushManifest(old, 'old')).status, 201);
      const made = await convertedAs('old', dockerManifest);
      const { config } = parseManifest(made.bytes, made.descriptor) as ImageManifest;
      const hasConfig = async (): Promise<number> =>
        (await writing.ask(`/v2/a/blobs/${config.digest}`, { method: 'HEAD' })).status;
      assert.equal(await hasConfig(), 404);
      assert.equal(
        (await writing.pushManifest(made, 'new', 'b')).status,
        400,
        'it was made in another repository',
      );
      assert.equal((await writing.pushManifest(made, 'new')).status, 201);
      assert.equal(await hasConfig(), 200);
    });

    it('stay where the same is made of another image', async () => {
      const [both, one] = [makeIndex([oci, arm64]), makeIndex([oci])];
      await writing.pushAll([...both.all, one.manifest]);
      await writing.pushManifest(both.manifest, 'both');
      await writing.pushManifest(one.manifest, 'one');
      const [child = ''] = childrenOf(await convertedAs('both', dockerManifestList));
      assert.deepEqual(childrenOf(await convertedAs('one', dockerManifestList)), [child]);
      await deleted(one);
      await convertedAs('both', dockerManifestList);
      assert.equal(await statusOf(child), 200);
    });
  });

  describe('of schema1', () => {
    let old: Content;
    beforeEach(async () => {
      await keep(docker, '1');
      const { bytes, descriptor } = await converted('1');
      old = { bytes, descriptor: { ...descriptor, size: bytes.byteLength } };
      store = createMemoryStore();
      await pushAll(store, [...docker.layers, old]);
      await store.tag(old.descriptor, '1');
      await restart();
    });

    it('are its stored bytes for a client that knows no better', async () => {
      for (const accept of [[], ['*/*'], [schema1, unsigned], [ociIndex]])
        assert.ok((await manifest('1', ...accept)).body.equals(old.bytes));
    });

    it('are schema2 with the same layers for newer clients, and OCI where only that is accepted', async () => {
      const { rootfs } = JSON.parse(docker.config.bytes.toString());
      for (const accept of [[ociManifest, dockerManifest, schema1], [dockerManifest], [ociManifest]]) {
        const { mediaType, config, layers } = await image('1', ...accept);
        assert.equal(mediaType, accept.includes(dockerManifest) ? dockerManifest : ociManifest);
        assert.deepEqual(
          layers.map(({ digest, size }) => ({ digest, size })),
          docker.layers.map(({ descriptor: { digest, size } }) => ({ digest, size })),
        );
        assert.deepEqual(JSON.parse((await blob(config.digest)).toString()).rootfs, rootfs);
        assert.ok((await manifest(old.descriptor.digest, ...accept)).body.equals(old.bytes));
      }
    });

    it('are not said to be there to a client that is about to push what names their blobs', async () => {
      const { config } = await image('1', dockerManifest);
      const path = `/v2/app/blobs/${config.digest}`;
      assert.equal((await served.ask(path, { method: 'HEAD' })).status, 200);
      const writable = { repositories: createMemoryRepositories() };
      const writing = await serve({ app: store }, { conversions, writable });
      assert.equal((await writing.ask(path)).status, 200);
      assert.equal((await writing.ask(path, { method: 'HEAD' })).status, 404);
      await writing.close();
    });

    it('read each layer once, however many clients ask for whatever form, and whatever was forgotten', async () => {
      const counted = countingFetches(store);
      await restart({ keptBytes: 0 }, counted);
      const asks = Array.from({ length: 8 }, () => image('1', dockerManifest));
      const [first, ...others] = await Promise.all(asks);
      for (const other of others) assert.deepEqual(other, first);
      await image('1', ociManifest);
      const layers = new Set<string>(docker.layers.map(({ descriptor }) => descriptor.digest));
      const reads = counted.fetches.filter(({ digest }) => layers.has(digest));
      assert.equal(reads.length, layers.size);
    });

    it('are given up when the server closes, and go on when a client leaves', async () => {
      let isReading: (() => void) | undefined;
      const reading = new Promise<void>((resolve) => {
        isReading = resolve;
      });
      const layers = new Set<string>(docker.layers.map(({ descriptor }) => descriptor.digest));
      const stuck = overriding(store, {
        fetch: async (...[descriptor, options]: Parameters<ReadonlyStore['fetch']>) => {
          if (!layers.has(descriptor.digest)) return store.fetch(descriptor, options);
          isReading?.();
          const endless = new Readable({ read() {} });
          options?.signal?.addEventListener('abort', () => endless.destroy(new Error('aborted')));
          return endless;
        },
      });
      const tagged = { repository: 'app', tag: '1', descriptor: old.descriptor };
      const leaving = new AbortController();
      const left = conversions.convert(stuck, tagged, [dockerManifest], { signal: leaving.signal });
      const waiting = conversions.convert(stuck, tagged, [dockerManifest]);
      await reading;
      leaving.abort();
      await assert.rejects(left, { code: 'ABORTED' });
      assert.equal(await Promise.race([waiting, Promise.resolve('waiting')]), 'waiting');
      await Promise.all([conversions.close(), assert.rejects(waiting)]);
      await assert.rejects(conversions.convert(store, tagged, [dockerManifest]), { code: 'ABORTED' });
    });

    it('are its stored bytes where a layer is missing or is none, and schema2 once it is there', async () => {
      const [layer] = docker.layers;
      assert.ok(layer !== undefined);
      store = createMemoryStore();
      await keep({ manifest: old, all: [old] }, '1');
      await restart();
      assert.ok((await manifest('1', dockerManifest)).body.equals(old.bytes));
      assert.match(warnings.join(), /^app:1 is not served as .*v2\+json: sha256:[^,]*$/);
      await pushAll(store, docker.layers);
      assert.equal((await image('1', dockerManifest)).mediaType, dockerManifest);

      const noTar = overriding(store, { fetch: async () => Readable.from([Buffer.from('no tar')]) });
      const options = { repository: 'app', tag: '1', descriptor: old.descriptor };
      const fresh = createConversions();
      assert.equal(await fresh.convert(noTar, options, [dockerManifest]), undefined);
    });

    it('are signed where it was not, under the same digest', async () => {
      const payload = signedPayload(old.bytes);
      assert.ok(payload);
      store = createMemoryStore(); // which keeps one of two documents under one digest
      await restart();
      const manifestOnly = contentOf(unsigned, payload);
      await keep({ manifest: manifestOnly, all: [...docker.layers, manifestOnly] }, 'unsigned');
      assert.ok((await manifest('unsigned', unsigned)).body.equals(payload));
      const { headers, body } = await manifest('unsigned');
      assert.deepEqual(
        [headers['content-type'], headers['docker-content-digest']],
        [schema1, digestOf(payload)],
      );
      assert.equal(verifySchema1Signatures(body).length, 1);
    });
  });
});
