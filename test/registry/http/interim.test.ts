import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '../../../src/content/digest.js';
import { isLadingError } from '../../../src/errors.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';

const CONTENT = Buffer.from('content');
const digest = digestOf(CONTENT);
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n';
const CHALLENGE = (origin: string) =>
  `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm="${origin}/token"\r\nContent-Length: 0\r\n\r\n`;

type Answer = (request: string, socket: Socket) => void;

describe('interim responses before an answer', () => {
  let server: Server;
  let host: string;
  let answer: Answer;
  let client: ReturnType<typeof createRegistryClient> | undefined;
  const sockets = new Set<Socket>();
  /** Number of interim responses sent. */
  let sent: number;

  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy()); // the client closes the connection
      socket.on('data', (request) => answer(request.toString('latin1'), socket));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // the server listens on a port
  });
  beforeEach(() => {
    sent = 0;
  });
  afterEach(async () => {
    await client?.close();
    for (const socket of sockets) socket.destroy();
  });
  after(() => server.close());

  function connect(options: RegistryClientOptions = {}) {
    client = createRegistryClient({ environment: {}, wait: async () => {}, plainHTTP: true, ...options });
    return client;
  }

  /** Sends interim responses until the client hangs up. */
  function withoutEnd(socket: Socket): void {
    const next = (): void => {
      if (socket.destroyed) return;
      sent += 1;
      socket.write(HINTS, () => setImmediate(next));
    };
    next();
  }

  const refused = (error: unknown) =>
    isLadingError(error, 'REGISTRY') &&
    error.message === `${host} sent more than 20 interim responses (1xx) and no answer`;

  const name = (repository = 'a') => ({ registry: host, repository });
  const ways: Record<string, (client: ReturnType<typeof connect>) => Promise<unknown>> = {
    'to a question': (asking) => asking.ping(host),
    'to a HEAD': (asking) => asking.headBlob(name(), digest),
    'to a download': async (asking) => buffer(await asking.getBlob(name(), digest)),
    'to a large download, which has a connection of its own': async (asking) =>
      buffer(await asking.getBlob(name(), digest, { size: 64 * 1024 * 1024 })),
    'to a push': (asking) =>
      asking.putManifest(name(), '1', { mediaType: 'application/json', bytes: CONTENT }),
  };

  for (const [way, ask] of Object.entries(ways)) {
    it(`are counted, and too many end the request: ${way}`, async () => {
      answer = (_, socket) => withoutEnd(socket);
      await assert.rejects(ask(connect({ retries: 3 })), refused);
      assert.ok(sockets.size <= 1, `${sockets.size} connections`);
    });
  }

  it('are counted when a token service sends them', async () => {
    answer = (request, socket) =>
      request.startsWith('GET /token') ? withoutEnd(socket) : socket.write(CHALLENGE(`http://${host}`));
    await assert.rejects(connect().ping(host), refused);
  });

  it('are counted when they come through a proxy', async () => {
    answer = (_, socket) => withoutEnd(socket);
    const asking = connect({ environment: { HTTP_PROXY: host } });
    await assert.rejects(asking.ping('registry.example'), (error) => isLadingError(error, 'REGISTRY'));
    assert.ok(sent < 1000, `${sent}`);
  });

  it('are counted for each answer anew, and a few of them do no harm', async () => {
    const body = `HTTP/1.1 200 OK\r\nContent-Length: ${CONTENT.length}\r\n\r\n${CONTENT}`;
    answer = (_, socket) => socket.write(HINTS.repeat(20) + body);
    const asking = connect();
    for (const _ of [1, 2, 3]) assert.deepEqual(await buffer(await asking.getBlob(name(), digest)), CONTENT);
  });
});

describe('the head of an answer that has no end', () => {
  const endless: Record<string, [start: string, more: string]> = {
    'a header without end': ['HTTP/1.1 200 OK\r\nX: ', 'x'.repeat(1000)],
    'headers without end': ['HTTP/1.1 200 OK\r\n', `X: ${'x'.repeat(100)}\r\n`],
    'trailers without end': [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n',
      `X: ${'x'.repeat(100)}\r\n`,
    ],
  };
  for (const [what, [start, more]] of Object.entries(endless)) {
    it(`is cut off: ${what}`, async () => {
      let written = 0;
      let gone: Promise<unknown> | undefined;
      const server = createServer((socket) => {
        gone = once(socket, 'close');
        socket.on('error', () => socket.destroy());
        socket.once('data', () => {
          socket.write(start);
          const next = (): void => {
            written += more.length;
            if (!socket.destroyed) socket.write(more, () => setImmediate(next));
          };
          next();
        });
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo; // the server listens on a port
      const client = createRegistryClient({ environment: {}, retries: 0, plainHTTP: true });
      try {
        // The client may ignore the trailers of a complete body: it has an answer, and closes the connection.
        await client.ping(`127.0.0.1:${port}`).catch((error) => assert.ok(isLadingError(error)));
        await gone;
        assert.ok(written < 1024 * 1024, `${written} bytes`);
      } finally {
        await client.close();
        server.close();
      }
    });
  }
});
