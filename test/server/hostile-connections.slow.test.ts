import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { contentOf, makeImage, randomBytesFrom } from '../support/images.js';
import { needs } from '../support/needs.js';
import { exchangeRaw, type Served, serve } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { layoutOf } from './layout-folder.js';

const MB = 1024 * 1024;
/** More than the kernel buffers for a client that does not read. */
const blob = contentOf('application/octet-stream', randomBytesFrom('connections', 16 * MB));
const blobPath = `/v2/a/blobs/${blob.descriptor.digest}`;
const requestFor = (path: string, ...fields: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');

for (const form of ['directory', 'tar'] as const) {
  describe(`clients that misbehave at a layout in a ${form}`, () => {
    const folder = useFolder('the suite');
    let served: Served;
    let close: () => Promise<void>;
    let manifestPath: string;
    /** Counts the open files that belong to the layout. */
    let atRest: number;
    before(async () => {
      const { all, manifest } = await makeImage({ seed: 'connections' });
      const layout = await layoutOf(folder('layout'), { contents: [...all, blob], manifest }, form);
      served = await serve({ a: layout });
      close = () => layout.close();
      manifestPath = `/v2/a/manifests/${manifest.descriptor.digest}`;
      atRest = await openFiles();
    });
    after(async () => {
      await served.close();
      await close();
    });

    async function openFiles(): Promise<number> {
      const names = await readdir('/proc/self/fd');
      // The descriptor that lists the folder is closed by now.
      const targets = await Promise.all(
        names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
      );
      return targets.filter((target) => target.startsWith(folder('layout'))).length;
    }

    async function untilAtRest(): Promise<void> {
      while ((await openFiles()) > atRest) await turn();
    }

    /** Starts a client that requests content, gets the start of the answer, and stops reading. */
    async function stalled(request: string): Promise<Socket> {
      const socket = connect(served.port, '127.0.0.1');
      socket.on('error', () => undefined); // either side may end it
      socket.write(request);
      await once(socket, 'readable');
      return socket;
    }

    it('leave no file open when they go away in the middle of a blob', async function () {
      needs(this, 'Linux');
      for (const range of [[], ['Range: bytes=1-9000000'], ['Range: bytes=0-8000000,9000000-16000000']]) {
        const sockets = await Promise.all(
          Array.from(Array(20), () => stalled(requestFor(blobPath, ...range))),
        );
        if (form === 'directory') assert.equal(await openFiles(), atRest + 20);
        for (const socket of sockets) socket.resetAndDestroy();
        await untilAtRest();
      }
    });

    it('leave no file open when they go away as soon as they have asked', async function () {
      needs(this, 'Linux');
      const over = Array.from(Array(100), async (_, index) => {
        const socket = connect(served.port, '127.0.0.1');
        socket.on('error', () => undefined); // it is reset below
        await once(socket, 'connect');
        socket.write(requestFor(index % 2 === 0 ? blobPath : manifestPath), () => socket.resetAndDestroy());
        await once(socket, 'close');
      });
      await Promise.all(over);
      assert.equal((await served.ask(manifestPath)).status, 200);
      await untilAtRest();
    });

    it('take a buffer each when they do not read, and nobody else waits for them', async () => {
      const before = process.memoryUsage().arrayBuffers;
      const sockets = await Promise.all(Array.from(Array(64), () => stalled(requestFor(blobPath))));
      const reply = await served.ask(blobPath);
      assert.ok(reply.body.equals(blob.bytes));
      const held = process.memoryUsage().arrayBuffers - before - 2 * blob.bytes.length; // the reply is in memory twice
      assert.ok(held <= 64 * MB, `${Math.round(held / MB)} MiB`);
      for (const socket of sockets) socket.destroy();
      await Promise.all(sockets.map((socket) => socket.closed || once(socket, 'close')));
    });

    it('get all that they asked for when they read slowly', async () => {
      const socket = connect(served.port, '127.0.0.1');
      socket.write(requestFor(blobPath, 'Connection: close'));
      const received: Buffer[] = [];
      for await (const chunk of socket) {
        received.push(chunk);
        if (received.length % 16 === 0) await turn();
      }
      const bytes = Buffer.concat(received);
      assert.ok(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4).equals(blob.bytes));
    });

    it('get every answer to a flood of requests on one connection, in order', async () => {
      const head = (path: string, ...fields: string[]) => requestFor(path, ...fields).replace('GET', 'HEAD');
      const flood = `${head(blobPath)}${head(manifestPath)}${head('/v2/none/tags/list')}`.repeat(200);
      const received = await exchangeRaw(served.port, flood + head('/v2/', 'Connection: close'));
      const heads = received.split('\r\n\r\n');
      assert.equal(heads.pop(), '');
      assert.deepEqual(
        heads.map((answer) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])),
        [...Array(200).fill([200, 200, 404]).flat(), 200],
      );
    });

    it('get each its own bytes when they ask for different parts at once', async () => {
      const asked = Array.from(Array(40), (_, index) => ({
        start: index * 399_000,
        end: index * 399_000 + 700_000,
      }));
      const replies = asked.map(({ start, end }) =>
        served.ask(blobPath, { headers: { Range: `bytes=${start}-${end}` } }),
      );
      for (const [index, { start, end }] of asked.entries()) {
        const reply = await replies[index];
        assert.ok(reply?.body.equals(blob.bytes.subarray(start, end + 1)), `from ${start}`);
      }
    });
  });
}
