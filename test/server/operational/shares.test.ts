import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { connect as connectTLS } from 'node:tls';
import { addressOf, clientOf } from '../../../src/server/operational/client.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { makeCertificate } from '../../support/certificates.js';
import { contentOf } from '../../support/images.js';
import { needs } from '../../support/needs.js';
import { codesOf, type Reply, type Served, serve } from '../../support/registry-server.js';
import { serveWritable } from '../../support/writable-server.js';

const OTHER = '127.0.0.2';
const UPLOADS = '/v2/a/blobs/uploads/';

describe('the share of one client', () => {
  const sockets: Socket[] = [];
  let served: Served | undefined;
  beforeEach(function () {
    needs(this, 'Linux'); // only there is all of 127.0.0.0/8 local
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await served?.close();
  });

  const refusalOf = (reply: Reply) => [reply.status, ...codesOf(reply)];

  async function openSocket(port: number, from = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    sockets.push(socket);
    socket.on('error', () => undefined); // either side may end it
    await once(socket, 'connect');
    return socket;
  }

  it('leaves uploads that are begun to the others', async () => {
    served = await serveWritable({ maxSessions: 4 });
    const begin = (from?: string) =>
      served?.ask(UPLOADS, { method: 'POST', ...(from !== undefined && { from }) }) as Promise<Reply>; // `served` is set
    const statuses = [];
    for (let index = 0; index < 10; index++) statuses.push((await begin()).status);
    assert.deepEqual(statuses, [202, 202, ...Array(8).fill(429)]);
    assert.deepEqual(refusalOf(await begin()), [429, 'TOOMANYREQUESTS']);
    assert.equal((await begin(OTHER)).status, 202);
  });

  it('leaves connections to the others', async () => {
    served = await serve({}, { limits: { maxConnections: 4 } });
    for (let index = 0; index < 2; index++) await openSocket(served.port);
    const third = await openSocket(served.port);
    third.resume();
    await once(third, 'close');
    assert.equal((await served.ask('/v2/', { from: OTHER })).status, 200);
  });

  it('leaves requests to the others, which push although they send nothing', async () => {
    served = await serveWritable({}, { limits: { maxRequests: 4, maxUploads: 2 } });
    const head = `POST ${UPLOADS}?digest=sha256:${'0'.repeat(64)} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n`;
    const pushing = await openSocket(served.port);
    pushing.write(head);
    await once(pushing, 'data'); // 100 Continue for a body that is never sent
    assert.deepEqual(refusalOf(await served.ask(UPLOADS, { method: 'POST' })), [429, 'TOOMANYREQUESTS']);
    assert.equal((await served.ask('/v2/')).status, 200);
    assert.equal((await served.ask(UPLOADS, { method: 'POST', from: OTHER })).status, 202);
  });

  it('is all there is for 100 percent', async () => {
    served = await serveWritable({ maxSessions: 3 }, { limits: { clientShare: 100 } });
    for (let index = 0; index < 3; index++)
      assert.equal((await served.ask(UPLOADS, { method: 'POST' })).status, 202);
    assert.equal((await served.ask(UPLOADS, { method: 'POST' })).status, 429);
  });

  it('is that of a user wherever the user is, and not that of the address', async () => {
    served = await serveWritable(
      { maxSessions: 4 },
      { authorization: { authorize: async (header) => header ?? 'nobody' } },
    );
    const begin = async (user: string, from: string) =>
      (await served?.ask(UPLOADS, { method: 'POST', from, headers: { authorization: user } }))?.status;
    assert.deepEqual(
      [await begin('eve', OTHER), await begin('eve', '127.0.0.1'), await begin('eve', '127.0.0.3')],
      [202, 202, 429],
    );
    assert.equal(await begin('alice', '127.0.0.1'), 202);
  });
});

describe('a client', () => {
  it('is a user, or an address without its zone', () => {
    assert.equal(clientOf('alice', '127.0.0.1'), 'user alice');
    assert.equal(clientOf(undefined, '127.0.0.1'), '127.0.0.1');
    assert.equal(clientOf('127.0.0.1', '::1'), 'user 127.0.0.1');
    assert.equal(clientOf(undefined, undefined), '');
  });

  it('is all of a network of IPv6 that one customer has, and an address of IPv4 in either form', () => {
    assert.equal(addressOf('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(addressOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(addressOf('2001:db8:1:2::'), addressOf('2001:0db8:1:2:ffff::1'));
    assert.notEqual(addressOf('2001:db8:1:3::1'), addressOf('2001:db8:1:2::1'));
    assert.equal(addressOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
    assert.equal(addressOf('::1'), '0:0:0:0::/64');
  });
});

describe('connections on which nothing is asked', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  for (const secure of [false, true]) {
    it(`give way to an address with fewer, and those with a request under way do not${secure ? ', over TLS too' : ''}`, async function () {
      needs(this, 'Linux'); // only there is all of 127.0.0.0/8 local
      const body = new PassThrough();
      const asked = new EventEmitter();
      const blob = contentOf('application/octet-stream', Buffer.from('content'));
      const store: Source = {
        ...createMemoryStore(),
        sizeOf: async () => blob.descriptor.size,
        async fetch() {
          asked.emit('fetch');
          return body;
        },
      };
      const { cert, key } = makeCertificate();
      const served = await serve(
        { a: store },
        { limits: { maxConnections: 4 }, ...(secure && { tls: { cert, key } }) },
      );
      const open = async (from: string): Promise<Socket> => {
        const place = { port: served.port, host: '127.0.0.1', localAddress: from };
        const socket = secure ? connectTLS({ ...place, rejectUnauthorized: false }) : connect(place);
        sockets.push(socket);
        socket.on('error', () => undefined); // either side may end it
        await once(socket, secure ? 'secureConnect' : 'connect');
        return socket;
      };
      const busy = await open('127.0.0.2');
      const fetched = once(asked, 'fetch');
      busy.write(
        `GET /v2/a/blobs/${blob.descriptor.digest} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      await fetched;
      const idle = await open('127.0.0.2');
      for (let count = 0; count < 2; count++) await open('127.0.0.3');
      const idleClosed = once(idle.resume(), 'close');
      const newcomer = await open('127.0.0.1');
      await idleClosed;
      newcomer.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.match((await once(newcomer, 'data')).toString(), /^HTTP\/1\.1 200 /);
      const answered = buffer(busy);
      body.end(blob.bytes);
      assert.match((await answered).toString(), /content$/);
      await served.close();
    });
  }
});
