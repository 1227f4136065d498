import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import { type Certificate, makeCertificate } from '../../support/certificates.js';
import { type SocksServer, startSocksServer } from '../../support/socks-server.js';
import { sendJSON, serve, type TestServer } from '../http-server.js';

describe('a SOCKS proxy', () => {
  const closing: (() => Promise<void>)[] = [];
  let certificate: Certificate;
  before(async () => {
    certificate = makeCertificate(['reg.invalid', 'storage.invalid']);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(
    tls?: Certificate,
    login?: { user: string; password: string },
  ): Promise<{ registry: TestServer; proxy: SocksServer }> {
    const registry = await serve((_, response) => sendJSON(response, {}), tls);
    const proxy = await startSocksServer({ port: Number(registry.host.split(':')[1]) }, login);
    closing.push(registry.close, proxy.close);
    return { registry, proxy };
  }

  function connect(environment: NodeJS.ProcessEnv, options: RegistryClientOptions = {}) {
    const client = createRegistryClient({ environment, retries: 0, ...options });
    closing.push(() => client.close());
    return client;
  }

  for (const scheme of ['socks5', 'socks5h']) {
    for (const variable of ['HTTPS_PROXY', 'ALL_PROXY', 'all_proxy']) {
      it(`carries https by ${variable}=${scheme}://, and looks up the registry's name itself`, async () => {
        const { registry, proxy } = await start(certificate);
        const client = connect({ [variable]: `${scheme}://${proxy.host}` }, { ca: certificate.cert });
        await client.ping('reg.invalid');
        await client.ping('reg.invalid:5000');
        assert.deepEqual(proxy.asked, ['reg.invalid:443', 'reg.invalid:5000']);
        assert.equal(registry.requests.length, 2);
      });
    }
  }

  it('carries plain http, and one connection many requests', async () => {
    const { registry, proxy } = await start();
    const client = connect({ HTTP_PROXY: `socks5://${proxy.host}` }, { plainHTTP: true, concurrency: 1 });
    await client.ping('reg.invalid:5000');
    await client.ping('reg.invalid:5000');
    assert.deepEqual(proxy.asked, ['reg.invalid:5000']);
    assert.equal(registry.requests.length, 2);
  });

  it('carries a large blob', async () => {
    const bytes = Buffer.alloc(100_000, 7);
    const registry = await serve((_, response) => response.end(bytes), certificate);
    const proxy = await startSocksServer({ port: Number(registry.host.split(':')[1]) });
    closing.push(registry.close, proxy.close);
    const client = connect({ ALL_PROXY: `socks5h://${proxy.host}` }, { ca: certificate.cert, bulkBytes: 1 });
    const name = { registry: 'reg.invalid', repository: 'a' };
    let received = 0;
    for await (const chunk of await client.getBlob(name, digestOf(bytes), { size: bytes.byteLength }))
      received += chunk.length;
    assert.equal(received, bytes.byteLength);
    assert.deepEqual(proxy.asked, ['reg.invalid:443']);
  });

  it('gets the login of its URL, percent-encoded or not', async () => {
    const { proxy } = await start(certificate, { user: 'me', password: 'p@ss:word' });
    const environment = { ALL_PROXY: `socks5://me:p%40ss%3Aword@${proxy.host}` };
    await connect(environment, { ca: certificate.cert }).ping('reg.invalid');
    assert.deepEqual(proxy.users, ['me']);
  });

  it('that lets nobody in, or is not there, is named, and its password is not', async () => {
    const { registry, proxy } = await start(certificate, { user: 'me', password: 'right' });
    const refused = connect({ ALL_PROXY: `socks5://me:wrong-one@${proxy.host}` }).ping('reg.invalid');
    await assert.rejects(refused, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'UNREACHABLE');
      assert.match(
        error.message,
        new RegExp(`cannot reach reg.invalid: the SOCKS proxy ${proxy.host} did not connect`),
      );
      assert.ok(!JSON.stringify([error.message, String(error.cause)]).includes('wrong-one'));
      return true;
    });
    await proxy.close();
    await assert.rejects(connect({ ALL_PROXY: `socks5://${proxy.host}` }).ping('reg.invalid'), {
      code: 'UNREACHABLE',
      message: /the SOCKS proxy 127\.0\.0\.1:\d+ did not connect: .*ECONNREFUSED/,
    });
    assert.equal(registry.requests.length, 0);
  });

  it('does not carry what goes to loopback, and is not used where NO_PROXY says so', async () => {
    const { registry, proxy } = await start(certificate);
    await connect({ ALL_PROXY: `socks5://${proxy.host}` }, { ca: certificate.cert, tlsVerify: false }).ping(
      registry.host,
    );
    const environment = { ALL_PROXY: `socks5://${proxy.host}`, NO_PROXY: 'reg.invalid' };
    await assert.rejects(connect(environment).ping('reg.invalid'), {
      message: /no such host|cannot be looked up/,
    });
    assert.deepEqual(proxy.asked, []);
  });

  it('checks the certificate of the registry, not its own', async () => {
    const { registry, proxy } = await start(certificate);
    await assert.rejects(connect({ ALL_PROXY: `socks5://${proxy.host}` }).ping('reg.invalid'), {
      message: /signed by an unknown authority/,
    });
    assert.equal(registry.requests.length, 0);
  });
});
