import assert from 'node:assert/strict';
import type { Digest } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { verify } from '../../src/operations/verify/verify.js';
import { getForeign } from '../../src/registry/foreign.js';
import { createTransport } from '../../src/registry/http/transport.js';
import type { Remedy } from '../../src/remedy.js';
import { openPath } from '../../src/store/open.js';
import { has } from '../../src/store/store.js';
import { serve as serveHTTP, type TestServer } from '../registry/http-server.js';
import { type Content, jsonContent, type MadeImage, makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry } from '../support/upload-registry.js';
import { startRegistry, type TestRegistry } from './registry.js';

const FOREIGN = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';

describe('foreign layers', () => {
  const path = useFolder();
  let source: TestRegistry;
  let store: TestServer;
  let made: MadeImage;
  let layer: Content;
  let answer: (start: number) => { status: number; bytes: Buffer };
  let headers: Record<string, unknown>[];
  let warnings: string[];
  let remedies: (Remedy | undefined)[];
  before(async () => {
    source = await startRegistry();
    made = await makeImage({ seed: 'foreign', layers: [3000, 50_000] });
    const [, second] = made.layers;
    assert.ok(second);
    layer = second;
  });
  after(() => source.close());
  beforeEach(async () => {
    warnings = [];
    remedies = [];
    headers = [];
    answer = (start) => ({ status: start > 0 ? 206 : 200, bytes: layer.bytes.subarray(start) });
    store = await serveHTTP((request, response) => {
      headers.push(request.headers);
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const { status, bytes } = answer(start);
      const range = `bytes ${start}-${layer.bytes.length - 1}/${layer.bytes.length}`;
      response.writeHead(status, { 'content-range': range }).end(bytes);
    });
  });
  afterEach(() => store.close());
  const onEvent = (event: CopyEvent): void => {
    if (event.type !== 'warning') return;
    warnings.push(event.message);
    remedies.push(event.remedy);
  };

  /** An image whose second layer is foreign; the registry has it or not. */
  const put = async (tag: string, urls: readonly string[], isThere = false): Promise<string> => {
    const document = JSON.parse(made.manifest.bytes.toString());
    document.layers[1] = { ...document.layers[1], mediaType: FOREIGN, urls };
    const manifest = jsonContent(MEDIA_TYPE.ociManifest, document);
    const rest = made.all.filter(
      ({ descriptor }) =>
        descriptor.digest !== made.manifest.descriptor.digest &&
        (isThere || descriptor.digest !== layer.descriptor.digest),
    );
    await source.put(`${tag}:1`, { manifest, all: [...rest, manifest] });
    return `${source.name}/${tag}:1`;
  };
  const holds = async (file: string, digest: Digest = layer.descriptor.digest): Promise<boolean> => {
    const archive = await openPath(file);
    try {
      return await has(archive, { ...layer.descriptor, digest });
    } finally {
      await archive.close();
    }
  };

  it('are named when they are not fetched, by save and by verify', async () => {
    const image = await put('left', ['https://user:secret@store.example/layer?token=secret']);
    await save({ images: [image], output: path('x.tar'), onEvent });
    assert.equal(await holds(path('x.tar')), false);
    const said = warnings.join();
    assert.match(said, new RegExp(`${image}.*${layer.descriptor.digest} at https://store.example/layer`));
    // The other warning is of the half that Docker reads, which has no room for the image.
    const isOfDocker = warnings.map((message) => message.startsWith('docker load '));
    assert.deepEqual(
      [isOfDocker, remedies],
      [
        [false, true],
        ['includeForeign', undefined],
      ],
    );
    assert.doesNotMatch(said, /secret/);
    const { findings, notes } = await verify(path('x.tar'));
    assert.deepEqual(findings, []);
    assert.deepEqual(
      notes.filter(({ code }) => code === 'FOREIGN_LAYER').map(({ digest }) => digest),
      [layer.descriptor.digest],
    );
    assert.doesNotMatch(JSON.stringify(notes), /secret/);
  });

  it('are fetched from the registry where it has them, and nobody else is asked', async () => {
    const image = await put('there', [`${store.origin}/layer`], true);
    await save({ images: [image], output: path('x.tar'), includeForeign: true, onEvent });
    assert.deepEqual([await holds(path('x.tar')), headers.length, warnings], [true, 0, []]);
  });

  it('are fetched from the first of their urls that has them, without credentials', async () => {
    const image = await put('url', ['http://127.0.0.1:1/layer', `${store.origin}/layer`]);
    const credentials = { username: 'user', password: 'secret' };
    await save({ images: [image], output: path('x.tar'), includeForeign: true, credentials, retries: 0 });
    assert.equal(await holds(path('x.tar')), true);
    assert.deepEqual(
      headers.map(({ authorization, cookie }) => [authorization, cookie]),
      [[undefined, undefined]],
    );
    const { findings, notes } = await verify(path('x.tar'));
    assert.deepEqual([findings, notes.filter(({ code }) => code === 'FOREIGN_LAYER')], [[], []]);
  });

  it('are held against their digest: another url is asked for what is damaged, and nothing wrong is kept', async () => {
    const bytes = Buffer.from(layer.bytes);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    const damaged = await serveHTTP((_, response) => response.writeHead(200).end(bytes));
    try {
      const image = await put('damaged', [`${damaged.origin}/layer`, `${store.origin}/layer`]);
      const options = { includeForeign: true, retries: 2 };
      await save({ images: [image], output: path('x.tar'), ...options });
      assert.equal(await holds(path('x.tar')), true);
      const only = await put('only', [`${damaged.origin}/layer`]);
      await assert.rejects(save({ images: [only], output: path('y.tar'), ...options, retries: 0 }), {
        code: 'DIGEST_MISMATCH',
      });
    } finally {
      await damaged.close();
    }
  });

  it('fail, with the image named, where nobody has them', async () => {
    answer = () => ({ status: 404, bytes: Buffer.alloc(0) });
    for (const urls of [[`${store.origin}/layer`], ['file:///etc/passwd'], ['nothing']]) {
      const image = await put('gone', urls);
      await assert.rejects(
        save({ images: [image], output: path('x.tar'), includeForeign: true, retries: 0 }),
      );
    }
  });

  it('are not fetched from this machine or a private network for an image of a public registry', async () => {
    const transport = createTransport();
    try {
      const requester = { transport, userAgent: 'test' };
      const addresses = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '[::1]', 'localhost'];
      for (const address of addresses)
        await assert.rejects(
          getForeign(requester, `http://${address}:${new URL(store.origin).port}/`, 'registry.example', {
            size: 1,
          }),
          {
            code: 'REGISTRY',
            message:
              /an image of registry\.example may not refer to an address of a private network or of this machine$/,
          },
        );
      await assert.rejects(
        getForeign({ ...requester, privateAddresses: true }, store.origin, 'registry.example', { size: 1 }),
        {
          message:
            /an image of registry\.example may not refer to an address of a private network or of this machine$/,
        },
        'this machine stays out of reach',
      );
    } finally {
      await transport.close();
    }
    assert.equal(headers.length, 0);
  });

  it('go along from an archive that holds them, into registries and other files', async () => {
    const image = await put('along', [`${store.origin}/layer`]);
    await save({ images: [image], output: path('x.tar'), includeForeign: true });
    headers = [];
    const registry = await startUploadRegistry();
    try {
      await load({ input: path('x.tar'), destination: registry.host, onEvent });
      assert.equal(await has(registry.repository('along'), layer.descriptor), true);
      await copyImages({ source: path('x.tar'), destination: `oci:${path('dir')}`, onEvent });
      await convert({ source: path('x.tar'), output: path('c.tar'), to: 'docker', onEvent });
      assert.deepEqual([await holds(path('dir')), await holds(path('c.tar'))], [true, true]);
      assert.deepEqual([headers, warnings], [[], []]);
    } finally {
      await registry.close();
    }
  });
});
