import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { contentOf, randomBytesFrom } from '../../support/images.js';
import { type AskOptions, codesOf } from '../../support/registry-server.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('hostile push', 300_000));
const { digest } = blob.descriptor;

describe('a push that goes wrong', () => {
  let served: WritableServed;
  beforeEach(async () => {
    served = await serveWritable();
  });
  afterEach(() => served.close());

  /** Starts a request whose body the test writes. */
  function begin(method: string, path: string, headers: Record<string, string | number>): ClientRequest {
    const sent = request({ host: '127.0.0.1', port: served.port, method, path, headers, agent: false });
    sent.on('error', () => undefined); // the test cuts it
    return sent;
  }

  /** Resolves when this many bytes of the upload have arrived. */
  async function arrived(path: string, last: number): Promise<void> {
    for (;;) {
      const { headers } = await served.ask(path);
      if (headers.range === `0-${last}`) return;
    }
  }

  it('keeps what came before the body was cut, tells it truly, and goes on from there', async () => {
    const path = await served.begin();
    const cut = begin('PATCH', path, { 'Content-Length': blob.bytes.length });
    cut.write(blob.bytes.subarray(0, 100_000));
    await arrived(path, 99_999);
    cut.destroy();
    const rest = { 'Content-Range': `100000-${blob.bytes.length - 1}` };
    const put: AskOptions = { method: 'PUT', headers: rest, body: blob.bytes.subarray(100_000) };
    // Until the server notices the cut, the upload is in use.
    let reply = await served.ask(`${path}?digest=${digest}`, put);
    while (reply.status === 416) reply = await served.ask(`${path}?digest=${digest}`, put);
    assert.equal(reply.status, 201);
    assert.deepEqual((await served.ask(`/v2/a/blobs/${digest}`)).body, blob.bytes);
  });

  it('is not complete when the PUT is cut', async () => {
    const path = await served.begin();
    const cut = begin('PUT', `${path}?digest=${digest}`, { 'Transfer-Encoding': 'chunked' });
    cut.write(blob.bytes);
    await arrived(path, blob.bytes.length - 1);
    cut.destroy();
    assert.equal((await served.ask(`/v2/a/blobs/${digest}`)).status, 404);
    assert.equal((await served.ask(path)).status, 204);
  });

  it('leaves nothing of a POST that is cut', async () => {
    const cut = begin('POST', `/v2/a/blobs/uploads/?digest=${digest}`, {
      'Content-Length': blob.bytes.length,
    });
    const repository = await served.repositories.openForPush('a');
    const created = new Promise<string>((resolve) => {
      const { createUpload } = repository;
      repository.createUpload = async () => {
        const upload = await createUpload.call(repository);
        const { cancel } = upload;
        upload.cancel = async () => {
          await cancel.call(upload);
          resolve(upload.id);
        };
        return upload;
      };
    });
    cut.write(blob.bytes.subarray(0, 1000), () => cut.destroy());
    assert.equal(await repository.openUpload(await created), undefined);
    assert.equal((await served.ask(`/v2/a/blobs/${digest}`)).status, 404);
  });

  it('does not mix with another that writes to the same upload', async () => {
    const path = await served.begin();
    const slow = begin('PATCH', path, { 'Content-Length': blob.bytes.length });
    slow.write(blob.bytes.subarray(0, 1000));
    await arrived(path, 999);
    for (const [method, target] of [
      ['PATCH', path],
      ['PUT', `${path}?digest=${digest}`],
    ] as const) {
      const second = await served.ask(target, { method, body: blob.bytes.subarray(1000) });
      assert.deepEqual([second.status, codesOf(second)], [416, ['RANGE_INVALID']], method);
      assert.equal(second.headers.range, '0-999');
      assert.equal(second.headers.location, path);
    }
    slow.end(blob.bytes.subarray(1000));
    const [{ statusCode }] = await once(slow, 'response');
    assert.equal(statusCode, 202);
    assert.equal((await served.ask(`${path}?digest=${digest}`, { method: 'PUT' })).status, 201);
  });

  it('comes as slowly as it likes, byte by byte', async () => {
    const path = await served.begin();
    const small = contentOf('application/octet-stream', Buffer.from('slowly'));
    const slow = begin('PUT', `${path}?digest=${small.descriptor.digest}`, { 'Content-Length': 6 });
    for (let position = 0; position < small.bytes.length - 1; position += 1) {
      slow.write(small.bytes.subarray(position, position + 1));
      await arrived(path, position);
    }
    slow.end(small.bytes.subarray(-1));
    const [{ statusCode }] = await once(slow, 'response');
    assert.equal(statusCode, 201);
  });

  const refused: [what: string, method: string, path: string, status: number][] = [
    ['a bad name', 'PATCH', '/v2/A/blobs/uploads/x', 400],
    ['an unknown upload', 'PATCH', '/v2/a/blobs/uploads/x', 404],
    ['a bad digest', 'POST', '/v2/a/blobs/uploads/?digest=x', 400],
    ['a bad tag', 'PUT', '/v2/a/manifests/.x', 400],
    ['an endless manifest', 'PUT', '/v2/a/manifests/x', 413],
    ['a blob that is too large', 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, 413],
    ['no such endpoint', 'PUT', '/v2/a', 404],
    ['a method that is not for it', 'POST', '/v2/a/tags/list', 405],
  ];
  for (const [what, method, path, status] of refused) {
    it(`is refused for ${what} without reading the ten gigabytes that follow`, async () => {
      const served = await serveWritable({ maxBlobBytes: 1e9 });
      const socket = connect(served.port, '127.0.0.1');
      socket.on('error', () => undefined); // the server closes the connection while more is sent
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n`);
      let received = '';
      socket.on('data', (data) => {
        received += data.toString('latin1');
      });
      const chunk = Buffer.alloc(65_536);
      const write = (error?: Error | null): void => {
        if (error == null && !socket.destroyed) socket.write(chunk, write);
      };
      write();
      await new Promise((resolve) => socket.once('close', resolve));
      assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(received, /\r\nConnection: close\r\n/);
      assert.match(received, /"errors":/);
      assert.ok(socket.bytesWritten < 100_000_000, `${socket.bytesWritten}`);
      await served.close();
    });
  }

  it('is given leave to send its body only when that is wanted', async () => {
    const expecting = async (path: string, method: string, length: number) => {
      const headers = { Expect: '100-continue', 'Content-Length': length };
      const sent = begin(method, path, headers);
      sent.flushHeaders();
      let wasGivenLeave = false;
      sent.once('continue', () => {
        wasGivenLeave = true;
        sent.end(blob.bytes);
      });
      const [response] = await once(sent, 'response');
      response.resume();
      await once(response, 'end');
      sent.destroy();
      return [response.statusCode, wasGivenLeave];
    };
    const { length } = blob.bytes;
    assert.deepEqual(await expecting(`/v2/a/blobs/uploads/?digest=${digest}`, 'POST', length), [201, true]);
    assert.deepEqual(await expecting('/v2/a/blobs/uploads/none', 'PATCH', length), [404, false]);
    assert.deepEqual(await expecting('/v2/a/manifests/x', 'PUT', 1e8), [413, false]);
  });
});
