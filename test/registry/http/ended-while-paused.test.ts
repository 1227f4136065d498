import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createTransport, type Transport } from '../../../src/registry/http/transport.js';

/** More than is read ahead, so that the parser of the client waits for the reader. */
const BODY = Buffer.alloc(64 * 1024, 'a');

describe('a server that closes the connection before the body was read', () => {
  let server: Server;
  let transport: Transport;
  let closed: Promise<unknown>;
  /** What is sent after the head. */
  let answer: (socket: Socket) => void;

  beforeEach(async () => {
    server = createServer((socket) => {
      closed = once(socket, 'close');
      socket.once('data', () => answer(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    transport = createTransport({ environment: {} });
  });
  afterEach(async () => {
    await transport.close();
    server.close();
  });

  const get = async (proxy?: string) => {
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (proxy !== undefined) transport = createTransport({ environment: { http_proxy: `http://${host}` } });
    const url = new URL(proxy ?? `http://${host}/v2/`);
    return transport.send({ method: 'GET', url, headers: {} });
  };
  const sending =
    (head: string, body: Buffer) =>
    (socket: Socket): void => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}Connection: close\r\n\r\n`);
      socket.end(body);
    };

  // Of a body in chunks, something is left to be parsed, so that the end of the connection waits.
  for (const [what, head] of [
    ['a body whose length is known', `Content-Length: ${BODY.length}\r\n`],
    ['a body that ends with the connection', ''],
  ] as const)
    for (const proxy of [undefined, 'http://registry.test/v2/'])
      it(`gives all of ${what}${proxy === undefined ? '' : ', through a proxy'}`, async () => {
        answer = sending(head, BODY);
        const response = await get(proxy);
        await closed;
        assert.ok((await buffer(response.body)).equals(BODY));
      });

  it('is told as a failure if bytes are missing', async () => {
    answer = sending(`Content-Length: ${BODY.length + 1}\r\n`, BODY);
    const response = await get();
    await closed;
    await assert.rejects(buffer(response.body));
  });
});
