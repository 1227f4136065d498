import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { CopyEvent } from '../../src/events.js';
import { save } from '../../src/operations/save.js';
import { verify } from '../../src/operations/verify/verify.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const IMAGES = 100;

/** A registry of one image under many tags, which refuses what is too much for it. */
interface Throttled {
  host: string;
  server: Server;
  refused: number;
}

describe('save from a registry that takes little at once', () => {
  const path = useFolder();
  let image: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 'throttled', layers: [1000] });
  });

  async function start(refuses: () => boolean, maxSockets = Number.POSITIVE_INFINITY): Promise<Throttled> {
    const sockets = new Set<Socket>();
    const throttled = { host: '', refused: 0 } as Throttled;
    throttled.server = createServer(({ url = '', method }, response) => {
      if (refuses()) {
        throttled.refused++;
        response.statusCode = 429;
        response.setHeader('retry-after', '1');
        return void response.end();
      }
      const reference = url.slice(url.lastIndexOf('/') + 1);
      const content = /^\d+$/.test(reference)
        ? image.manifest
        : image.all.find(({ descriptor }) => descriptor.digest === reference);
      // A round trip, so that many requests are under way at once.
      setTimeout(() => {
        if (content === undefined) {
          response.statusCode = url === '/v2/' ? 200 : 404;
          return void response.end();
        }
        response.setHeader('content-type', content.descriptor.mediaType);
        response.setHeader('docker-content-digest', content.descriptor.digest);
        response.setHeader('content-length', content.descriptor.size);
        return void response.end(method === 'HEAD' ? undefined : content.bytes);
      }, 20);
    }).listen(0, '127.0.0.1');
    throttled.server.on('connection', (socket) => {
      if (sockets.size >= maxSockets) {
        throttled.refused++;
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await once(throttled.server, 'listening');
    const address = throttled.server.address();
    assert(address !== null && typeof address === 'object');
    throttled.host = `127.0.0.1:${address.port}`;
    return throttled;
  }

  async function saves({ host, server }: Throttled): Promise<CopyEvent[]> {
    const events: CopyEvent[] = [];
    try {
      await save({
        images: Array.from({ length: IMAGES }, (_, tag) => `${host}/app:${tag}`),
        output: path('out.tar'),
        referrers: false,
        onEvent: (event) => events.push(event),
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
    assert.equal((await verify(path('out.tar'))).ok, true);
    return events;
  }
  const slowed = (events: readonly CopyEvent[]): boolean =>
    events.some((event) => event.type === 'paced' && event.reason === 'refused');

  it('gets all of one that answers 20 requests a second', async () => {
    let second = 0;
    let count = 0;
    const throttled = await start(() => {
      const now = Math.floor(performance.now() / 1000);
      count = now === second ? count + 1 : 1;
      second = now;
      return count > 20;
    });
    assert.ok(slowed(await saves(throttled)));
    // A request that was refused waits before it is sent again, and the others with it.
    assert.ok(throttled.refused < IMAGES, `${throttled.refused} requests were refused`);
  });

  it('gets all of one that allows four connections', async () => {
    const throttled = await start(() => false, 4);
    assert.ok(slowed(await saves(throttled)));
    assert.ok(throttled.refused > 0);
  });
});
