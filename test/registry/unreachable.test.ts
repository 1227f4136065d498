import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { isLadingError } from '../../src/errors.js';
import { networkError } from '../../src/registry/http/network-error.js';
import { Pace } from '../../src/registry/http/pace.js';
import { createRequester } from '../../src/registry/http/request.js';
import { createSchemes } from '../../src/registry/http/scheme.js';
import { isRetryable, retrying } from '../../src/retry.js';
import { collect, type Handler, sendError, sendJSON, serve } from './http-server.js';
import { blob, manifest, useRepository } from './repository.js';

const { start, connect } = useRepository();

/** A host where nothing listens. */
async function startGone() {
  const { server, name } = await start(() => undefined);
  await server.close();
  return name;
}

describe('a registry at which nothing listens', () => {
  it('is asked once by each request, also by those whose caller repeats them', async () => {
    const name = await startGone();
    const retries: unknown[] = [];
    const client = connect({ onRetry: (event) => retries.push(event) });
    const tries = Array.from({ length: 8 }, () =>
      retrying('a blob', () => client.getBlob(name, blob, { retries: 0 }), {
        onEvent: (event) => retries.push(event),
      }),
    );
    for (const outcome of await Promise.allSettled(tries)) {
      assert.equal(outcome.status, 'rejected');
      assert.ok(outcome.status === 'rejected' && isLadingError(outcome.reason, 'UNREACHABLE'));
    }
    assert.deepEqual(retries, []);
  });

  it('is asked twice where no connection comes about in time: packets may be lost', async () => {
    let asked = 0;
    const late = Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' });
    const request = createRequester({
      transport: {
        async send() {
          asked++;
          throw networkError(late, 'reg.example');
        },
        close: async () => undefined,
      },
      authenticator: {
        authorize: async () => undefined,
        answer: async () => undefined,
        credentialFor: async () => undefined,
      },
      schemes: createSchemes(() => true),
      pace: new Pace(),
      userAgent: 'test',
      retries: 5,
      mirrors: {},
      wait: async () => undefined,
    });
    const question = {
      registry: 'reg.example',
      method: 'GET',
      target: '/v2/',
      scopes: [],
      what: 'x',
    } as const;
    await assert.rejects(
      request(question, async () => undefined),
      { message: 'cannot reach reg.example: no connection in time' },
    );
    assert.equal(asked, 2);
  });

  it('is asked again where it has answered before: it may come back', async () => {
    const { server, name } = await start((_, response) => sendJSON(response, {}));
    const waits: number[] = [];
    const client = connect({ retries: 2, wait: async (delayMs) => void waits.push(delayMs) });
    await client.getManifest(name, '1');
    await server.close();
    await assert.rejects(client.getManifest(name, '1'), { code: 'UNREACHABLE' });
    assert.equal(waits.length, 2);
  });
});

describe('what a system says of a host', () => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']) {
    it(`names the host and a reason: ${code}`, () => {
      const error = networkError(Object.assign(new Error(`connect ${code}`), { code }), 'reg.example');
      assert.equal(error.code, 'UNREACHABLE');
      assert.match(error.message, /^cannot reach reg\.example: /);
    });
  }
});

describe('repetitions of a push', () => {
  it('are those of one place: a manifest is put once in each try of its caller', async () => {
    const { server, name } = await start((_, response) => sendError(response, 503, 'UNAVAILABLE'));
    const client = connect();
    const put = () =>
      client.putManifest(name, '1', { mediaType: 'application/json', bytes: manifest }, { retries: 0 });
    await assert.rejects(put(), { status: 503 });
    assert.equal(server.requests.length, 1);
  });
});

describe('a proxy that answers a request in clear text itself', () => {
  const page = '<html>The requested URL could not be retrieved</html>';
  const kinds: [what: string, headers: Record<string, string>, code: string, message: RegExp][] = [
    ['with a page', {}, 'DENIED', /access denied; the proxy 127\.0\.0\.1:\d+ may have answered$/],
    [
      'as Squid does',
      { 'x-squid-error': 'ERR_ACCESS_DENIED 0' },
      'UNREACHABLE',
      /^cannot reach reg\.example: the proxy does not let us through to it \(status 403\)$/,
    ],
    [
      'as RFC 9209 says',
      { 'proxy-status': 'corp-proxy; error=http_request_denied' },
      'UNREACHABLE',
      /the proxy does not let us through to it/,
    ],
  ];
  for (const [what, headers, code, message] of kinds) {
    it(`is told from the registry, or said to be possible: ${what}`, async () => {
      const proxy = await serve((_, response) => response.writeHead(403, headers).end(page));
      try {
        const client = connect({ plainHTTP: true, environment: { HTTP_PROXY: proxy.origin }, retries: 0 });
        await assert.rejects(client.getManifest({ registry: 'reg.example', repository: 'a' }, '1'), {
          code,
          message,
          hint: /NO_PROXY/,
        });
      } finally {
        await proxy.close();
      }
    });
  }

  it('is not named where the registry speaks through it', async () => {
    const refusals: Handler[] = [
      (_, response) => sendError(response, 403, 'DENIED'),
      (_, response) =>
        void response.writeHead(403, { 'docker-distribution-api-version': 'registry/2.0' }).end(page),
    ];
    for (const refusal of refusals) {
      const proxy = await serve(refusal);
      try {
        const client = connect({ plainHTTP: true, environment: { HTTP_PROXY: proxy.origin }, retries: 0 });
        await assert.rejects(
          client.getManifest({ registry: 'reg.example', repository: 'a' }, '1'),
          (error) => isLadingError(error, 'DENIED') && !/proxy/i.test(error.message + error.hint),
        );
      } finally {
        await proxy.close();
      }
    }
  });

  it('does not end a run that has a mirror: lists are asked of that', async () => {
    const mirror = await serve((_, response) => sendJSON(response, { tags: ['cached'] }));
    const proxy = await serve((_, response) => response.writeHead(403, { 'x-squid-error': 'X 0' }).end(page));
    try {
      const client = connect({
        plainHTTP: true,
        environment: { HTTP_PROXY: proxy.origin },
        mirrors: { 'reg.example': [mirror.host] },
        retries: 0,
      });
      assert.deepEqual(await collect(client.listTags({ registry: 'reg.example', repository: 'a' })), [
        'cached',
      ]);
    } finally {
      await mirror.close();
      await proxy.close();
    }
  });
});

describe('a proxy that does not let a request through', () => {
  for (const [status, problem, hint] of [
    [403, /the proxy does not let us through to it \(status 403\)/, /NO_PROXY/],
    [407, /the proxy wants credentials/, /USER:PASSWORD/],
    [502, /the proxy does not let us through to it \(status 502\)/, /NO_PROXY/],
  ] as const) {
    it(`is told in our words: ${status} to CONNECT`, async () => {
      const proxy = createServer().on('connect', (_, socket) =>
        socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`),
      );
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      const address = proxy.address();
      assert.ok(typeof address === 'object' && address !== null);
      try {
        const environment = { HTTPS_PROXY: `http://127.0.0.1:${address.port}` };
        const client = connect({ plainHTTP: false, environment, retries: 0 });
        await assert.rejects(
          client.getManifest({ registry: 'reg.example', repository: 'a' }, '1'),
          (error) => {
            assert.ok(isLadingError(error, 'UNREACHABLE'));
            assert.match(error.message, problem);
            assert.match(error.hint ?? '', hint);
            return !isRetryable(error);
          },
        );
      } finally {
        proxy.close();
      }
    });
  }
});
