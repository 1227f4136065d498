import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isLadingError } from '../../src/errors.js';
import type { RegistryClient } from '../../src/registry/client.js';
import type { RepositoryName } from '../../src/registry/repository.js';
import { collect, type Handler, sendJSON } from './http-server.js';
import { blob, manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();
const KB = 1024;
const MB = 1024 * KB;

/** Sends data until the client hangs up; resolves with the number of bytes. */
async function withoutEnd(
  response: ServerResponse,
  status = 200,
  type = 'application/json',
): Promise<number> {
  let sent = 0;
  const chunk = Buffer.alloc(64 * KB, 0x20);
  response.writeHead(status, { 'content-type': type });
  const closed = once(response, 'close');
  const more = (): void => {
    while (!response.destroyed) {
      sent += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
  };
  more();
  await closed;
  return sent;
}

/** Bytes that the kernel buffers for a client that has stopped reading. */
const ON_THE_WAY = 12 * MB;

describe('answers without end', () => {
  const cases: [
    what: string,
    limit: number,
    ask: (client: RegistryClient, name: RepositoryName) => Promise<unknown>,
    answer?: (response: ServerResponse, path: string) => Promise<number> | undefined,
  ][] = [
    ['a manifest', 4 * MB, (client, name) => client.getManifest(name, '1')],
    ['a list of tags', 32 * MB, (client, name) => collect(client.listTags(name))],
    ['a list of repositories', 32 * MB, (client, name) => collect(client.listRepositories(name.registry))],
    ['a list of referrers', 32 * MB, (client, name) => client.listReferrers(name, manifestDigest)],
    [
      'an error',
      64 * KB,
      (client, name) => client.getManifest(name, '1'),
      (response) => withoutEnd(response, 500, 'text/plain'),
    ],
    ['the answer to a question', 64 * KB, async (client, name) => client.ping(name.registry)],
    [
      'a token',
      1 * MB,
      (client, name) => client.getManifest(name, '1'),
      (response, path) => {
        if (path.startsWith('/token')) return withoutEnd(response);
        const realm = `http://${response.req.headers.host}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
        return undefined;
      },
    ],
    [
      'a redirect',
      64 * KB,
      (client, name) => client.getBlob(name, blob),
      (response, path) => {
        if (path.startsWith('/elsewhere')) {
          response.writeHead(404).end();
          return undefined;
        }
        response.setHeader('location', '/elsewhere');
        return withoutEnd(response, 307);
      },
    ],
  ];
  for (const [what, limit, ask, answer = (response: ServerResponse) => withoutEnd(response)] of cases) {
    it(`are read to a limit: ${what}`, async () => {
      const sent: Promise<number>[] = [];
      const handler: Handler = (request, response) => {
        const sending = answer(response, request.url ?? '');
        if (sending !== undefined) sent.push(sending);
      };
      const { name } = await start(handler);
      const client = connect({ retries: 0 });
      // If the body does not matter, the client closes the connection and the request succeeds.
      await ask(client, name).catch((error) => assert.ok(isLadingError(error), String(error)));
      const total = (await Promise.all(sent)).reduce((sum, bytes) => sum + bytes, 0);
      assert.ok(sent.length > 0 && total < limit + ON_THE_WAY, `${total} bytes`);
    });
  }
});

describe('warnings without end', () => {
  it('of a registry are heard a hundred times', async () => {
    let count = 0;
    const { name } = await start((_, response) => {
      const warning = Array.from({ length: 50 }, () => `299 - "warning ${count++}"`);
      response.setHeader('warning', warning);
      sendJSON(response, {});
    });
    const warnings: string[] = [];
    const client = connect({ onWarning: (text) => warnings.push(text) });
    for (let asked = 0; asked < 4; asked++) await client.ping(name.registry);
    assert.equal(warnings.length, 100);
  });

  it('about names that are none are twenty, and the number of the others', async () => {
    const { name } = await start((_, response) =>
      sendJSON(response, { tags: ['ok', ...Array.from({ length: 500 }, (_, index) => `!${index}`)] }),
    );
    const warnings: string[] = [];
    const client = connect({ onWarning: (text) => warnings.push(text) });
    assert.deepEqual(await collect(client.listTags(name)), ['ok']);
    assert.equal(warnings.length, 21);
    assert.match(warnings.at(-1) ?? '', /: 480 more are left out because they are not valid names$/);
  });
});
