import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { getForeign } from '../../../src/registry/foreign.js';
import { guestOf, type Lookup } from '../../../src/registry/http/guest.js';
import { sendFollowing } from '../../../src/registry/http/redirect.js';
import { createTransport } from '../../../src/registry/http/transport.js';
import { serve, type TestServer } from '../http-server.js';

const OUTSIDE = '203.0.113.7';
const NAMES: Record<string, string[]> = {
  'registry.example': [OUTSIDE],
  'registry.corp': ['10.1.1.1'],
  'layers.example': ['127.0.0.1'],
  'metadata.example': ['169.254.169.254'],
  'corp.example': [OUTSIDE, '10.0.0.5'],
  'corp6.example': ['fd00::5'],
};
const lookup: Lookup = async (hostname) => {
  const found = NAMES[hostname];
  if (found === undefined) throw Object.assign(new Error('no such host'), { code: 'ENOTFOUND' });
  return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};

describe('a url of a foreign layer', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await serve((_, response) => response.writeHead(200).end('layer'));
  });
  afterEach(() => server.close());
  const portOf = () => new URL(server.origin).port;

  async function fetchFrom(url: string, registry: string, privateAddresses = false): Promise<string> {
    const transport = createTransport({ environment: {} });
    try {
      const requester = { transport, userAgent: 'test', lookup, privateAddresses };
      return (await buffer(await getForeign(requester, url, registry, { size: 5 }))).toString();
    } finally {
      await transport.close();
    }
  }

  for (const host of ['layers.example', 'metadata.example', 'corp.example', 'corp6.example']) {
    it(`is not asked where its name leads inside, for an image of a public registry: ${host}`, async () => {
      await assert.rejects(fetchFrom(`http://${host}:${portOf()}/`, 'registry.example'), {
        code: 'REGISTRY',
        message: new RegExp(
          `^${host} has the address .*, to which an image of registry.example may not refer$`,
        ),
        remedy: 'privateAddresses',
      });
      assert.deepEqual(server.requests, []);
    });
  }

  it('is asked there for an image of a registry whose own name leads inside', async () => {
    assert.equal(await fetchFrom(`http://layers.example:${portOf()}/`, 'registry.corp'), 'layer');
  });

  it('leads into private networks where they are allowed, and never to this machine', async () => {
    const guest = await guestOf('registry.example', { lookup, privateAddresses: true });
    const resolve = (hostname: string) =>
      new Promise((settle) => guest.lookup(hostname, { all: true }, (error) => settle(error?.message)));
    assert.equal(await resolve('corp.example'), undefined);
    assert.match(String(await resolve('metadata.example')), /169\.254\.169\.254/);
    await assert.rejects(fetchFrom(`http://layers.example:${portOf()}/`, 'registry.example', true));
  });

  it('is asked by a name that only a proxy can look up', async () => {
    const guest = await guestOf('unknown.example', { lookup });
    assert.equal(guest.allows(new URL('https://elsewhere.example/')), true);
    assert.equal(guest.allows(new URL('https://10.0.0.1/')), false);
  });

  for (const location of [
    'http://10.0.0.1/x',
    'http://192.168.1.1/',
    'http://[fd00::1]/',
    'http://localhost/',
  ]) {
    it(`does not lead inside by a redirect to ${location}`, async () => {
      const asked: string[] = [];
      const transport = {
        async send({ url }: { url: URL }) {
          asked.push(url.href);
          return { status: 302, headers: { location }, body: Readable.from([]), url };
        },
        close: async () => undefined,
      };
      const guest = await guestOf('registry.example', { lookup });
      const url = new URL('http://store.example/layer');
      await assert.rejects(sendFollowing(transport, { method: 'GET', url, guest, headers: {} }), {
        code: 'REGISTRY',
        message: /not followed/,
      });
      assert.deepEqual(asked, [url.href]);
    });
  }
});
