import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { blobPath, type LayoutReader } from '../../src/store/layout/layout-reader.js';
import { collectGarbage } from '../support/collect-garbage.js';
import { type Content, contentOf, jsonContent, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { codesOf, type Served, serve } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';
import { layoutOf } from './layout-folder.js';

const KB = 1024;
const MB = 1024 * KB;

/** Returns a manifest of this size that names only the empty document. */
function largeManifest(seed: string, size: number): Content {
  const empty = { mediaType: MEDIA_TYPE.ociEmpty, ...emptyJSON() };
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: 'a/b',
    config: empty,
  };
  const without = JSON.stringify({ ...document, layers: [empty], annotations: { seed, padding: '' } }).length;
  return jsonContent(MEDIA_TYPE.ociManifest, {
    ...document,
    layers: [empty],
    annotations: { seed, padding: 'x'.repeat(size - without) },
  });
}

function emptyJSON(): { digest: string; size: number } {
  const { digest, size } = contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}')).descriptor;
  return { digest, size };
}

const manifests = Array.from({ length: 12 }, (_, index) => largeManifest(`${index}`, 3 * MB));
const pathOf = ({ descriptor }: Content): string => `/v2/a/manifests/${descriptor.digest}`;
const requestFor = (line: string, ...fields: string[]) =>
  [`${line} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');

describe('clients that ask for large manifests and do not read them', () => {
  const folder = useFolder('the suite');
  const sockets: Socket[] = [];
  let store: LayoutReader;
  let served: Served;
  before(async () => {
    const config = contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}'));
    store = await layoutOf(folder('layout'), {
      contents: [...manifests, config],
      manifest: manifests[0] as Content,
    });
  });
  after(() => store.close());
  beforeEach(async () => {
    served = await serve({ a: store }, { limits: { maxHeldBytes: 8 * MB } });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await served.close();
  });

  /** Starts a client that requests content, gets the start of the answer, and stops reading. */
  async function stalled(content: Content): Promise<void> {
    const socket = connect(served.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined); // either side may end it
    socket.write(requestFor(`GET ${pathOf(content)}`));
    await once(socket, 'readable');
  }

  it('take little memory each, and nobody else waits for them', async () => {
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    await Promise.all(Array.from({ length: 60 }, (_, index) => stalled(manifests[index % 12] as Content)));
    collectGarbage();
    const held = process.memoryUsage().arrayBuffers - before;
    const reply = await served.ask(pathOf(manifests[1] as Content));
    assert.ok(reply.body.equals((manifests[1] as Content).bytes));
    assert.ok(held < 20 * MB, `${Math.round(held / MB)} MiB`);
  });

  it('leave what an honest client needs that reads slowly', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, index) => stalled(manifests[index % 12] as Content)));
    const [wanted] = manifests as [Content];
    const socket = connect(served.port, '127.0.0.1');
    socket.write(requestFor(`GET ${pathOf(wanted)}`, 'Connection: close'));
    const received: Buffer[] = [];
    for await (const chunk of socket) {
      received.push(chunk);
      if (received.length % 8 === 0) await turn();
    }
    const bytes = Buffer.concat(received);
    assert.ok(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4).equals(wanted.bytes));
  });
});

for (const form of ['directory', 'tar'] as const) {
  describe(`a large manifest of a ${form}`, () => {
    const folder = useFolder();
    let served: Served;
    let store: LayoutReader;
    const [manifest] = manifests as [Content];
    const damaged = { ...manifest, bytes: Buffer.from(manifest.bytes) };
    damaged.bytes[2 * MB] = 0x79;
    async function start(content: Content): Promise<void> {
      store = await layoutOf(folder(form), { contents: [content], manifest }, form);
      served = await serve({ a: store });
    }
    afterEach(async () => {
      await served.close();
      await store.close();
    });

    it('is an error before anything is sent when it is damaged where it lies', async () => {
      await start(damaged);
      for (const _ of [1, 2]) {
        const reply = await served.ask(pathOf(manifest));
        assert.deepEqual([reply.status, codesOf(reply)], [500, ['UNKNOWN']]);
      }
    });

    it('is an error when it was damaged after it was sent whole', async () => {
      await start(manifest);
      assert.equal((await served.ask(pathOf(manifest))).status, 200);
      if (form === 'tar') return; // a changed tar is not read again
      await writeFile(join(folder(form), blobPath(manifest.descriptor.digest)), damaged.bytes);
      assert.equal((await served.ask(pathOf(manifest))).status, 500);
    });

    it('has its bytes, its length and no body for HEAD', async () => {
      await start(manifest);
      const reply = await served.ask(pathOf(manifest));
      assert.ok(reply.body.equals(manifest.bytes));
      const head = await served.ask(pathOf(manifest), { method: 'HEAD' });
      assert.deepEqual([head.status, head.body.length], [200, 0]);
      for (const name of ['content-length', 'content-type', 'etag', 'docker-content-digest'])
        assert.equal(head.headers[name], reply.headers[name], name);
      const known = { headers: { 'If-None-Match': `${reply.headers.etag}` } };
      assert.equal((await served.ask(pathOf(manifest), known)).status, 304);
    });
  });
}

describe('clients that push large manifests', () => {
  let served: WritableServed;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await served.close();
  });

  /** Sends a manifest without its last byte. */
  async function unfinished(from: string): Promise<Socket> {
    const socket = connect({ port: served.port, host: '127.0.0.1', localAddress: from });
    sockets.push(socket);
    socket.on('error', () => undefined); // either side may end it
    const type = `Content-Type: ${MEDIA_TYPE.ociManifest}`;
    socket.write(
      requestFor('PUT /v2/a/manifests/x', type, `Content-Length: ${3 * MB}`, 'Expect: 100-continue'),
    );
    await once(socket, 'data');
    await new Promise<void>((resolve) => socket.write(Buffer.alloc(3 * MB - 1, 0x20), () => resolve()));
    return socket;
  }

  it('and do not finish make room for others', async function () {
    needs(this, 'Linux'); // only there is all of 127.0.0.0/8 local
    served = await serveWritable({}, { limits: { maxHeldBytes: 16 * MB } });
    const { all } = await makeImage({ seed: 1 });
    const first = await unfinished('127.0.0.2');
    await unfinished('127.0.0.2');
    const cut = once(first.resume(), 'close');
    await served.pushAll([contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}')), ...all]);
    const [large] = manifests as [Content];
    assert.equal((await served.pushManifest(large)).status, 201);
    await cut;
  });

  it('in single bytes take no more memory than others', async () => {
    served = await serveWritable();
    const config = contentOf(MEDIA_TYPE.ociEmpty, Buffer.from('{}'));
    await served.pushBlob(config);
    const manifest = largeManifest('bytes', 100 * KB);
    const socket = connect(served.port, '127.0.0.1');
    sockets.push(socket);
    const type = `Content-Type: ${MEDIA_TYPE.ociManifest}`;
    socket.write(
      requestFor('PUT /v2/a/manifests/x', type, 'Transfer-Encoding: chunked', 'Connection: close'),
    );
    socket.write([...manifest.bytes.toString('latin1')].map((byte) => `1\r\n${byte}\r\n`).join(''));
    socket.write('0\r\n\r\n');
    const [answer] = await once(socket, 'data');
    assert.match(answer.toString(), /^HTTP\/1\.1 201 /);
    assert.ok((await served.ask('/v2/a/manifests/x')).body.equals(manifest.bytes));
  });
});
