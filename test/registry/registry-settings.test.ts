import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { TLSSocket } from 'node:tls';
import { type ConnectionOptions, connect } from '../../src/registry/connect.js';
import { makeCertificate } from '../support/certificates.js';
import { useFolder } from '../support/temporary.js';
import { type Handler, sendJSON, serve, type TestServer } from './http-server.js';

const answer: Handler = (_request, response) => sendJSON(response, {});
const untrusted = { code: 'UNREACHABLE', message: /signed by an unknown authority/ };

describe('the settings of one registry', () => {
  const path = useFolder();
  const closing: (() => Promise<void>)[] = [];
  const certificate = makeCertificate();
  let own: TestServer;
  let other: TestServer;

  beforeEach(async () => {
    [own, other] = await Promise.all([serve(answer, certificate), serve(answer, certificate)]);
    closing.push(own.close, other.close);
    await writeFile(path('ca.pem'), certificate.cert);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function ping(server: TestServer, options: ConnectionOptions): Promise<void> {
    const client = await connect({ retries: 0, registriesConf: false, ...options }, [server.host]);
    closing.push(() => client.close());
    await client.ping(server.host);
  }

  it('name an authority for it alone', async () => {
    const registries = { [own.host]: { caFile: path('ca.pem') } };
    await ping(own, { registries });
    await assert.rejects(ping(other, { registries }), untrusted);
  });

  it('turn the check of its certificate off for it alone, and on', async () => {
    await ping(own, { registries: { [own.host]: { tlsVerify: false } } });
    await assert.rejects(ping(other, { registries: { [own.host]: { tlsVerify: false } } }), untrusted);
    const registries = { [own.host]: { tlsVerify: true } };
    await assert.rejects(ping(own, { registries, tlsVerify: false }), untrusted);
    await ping(other, { registries, tlsVerify: false });
  });

  it('choose http or https for it alone', async () => {
    const tls = { caFile: path('ca.pem') };
    await ping(own, { ...tls, plainHTTP: true, registries: { [own.host]: { plainHTTP: false } } });
    await assert.rejects(ping(own, { ...tls, registries: { [own.host]: { plainHTTP: true } } }), {
      code: 'UNREACHABLE',
    });
    await ping(other, { ...tls, registries: { [own.host]: { plainHTTP: true } } });
  });

  it('have a client certificate that no other registry sees', async () => {
    const client = makeCertificate();
    await Promise.all([
      writeFile(path('client.pem'), client.cert),
      writeFile(path('client.key'), client.key),
    ]);
    const shown: boolean[] = [];
    const asking: Handler = ({ socket }, response) => {
      shown.push((socket as TLSSocket).getPeerCertificate().subject !== undefined); // over TLS
      sendJSON(response, {});
    };
    const tls = { ...certificate, requestCert: true, rejectUnauthorized: false };
    const servers = [await serve(asking, tls), await serve(asking, tls)] as const;
    closing.push(...servers.map(({ close }) => close));
    const pair = { certFile: path('client.pem'), keyFile: path('client.key') };
    const options = { caFile: path('ca.pem'), registries: { [servers[0].host]: pair } };
    for (const server of servers) await ping(server, options);
    assert.deepEqual(shown, [true, false]);
  });

  it('name its mirrors, which have settings of their own', async () => {
    const client = await connect(
      {
        retries: 0,
        registriesConf: false,
        registries: {
          'registry.invalid': { mirrors: [`${own.host}/group`] },
          [own.host]: { caFile: path('ca.pem') },
        },
      },
      ['registry.invalid'],
    );
    closing.push(() => client.close());
    await client.getManifest({ registry: 'registry.invalid', repository: 'app' }, '1').catch(() => undefined);
    assert.equal(own.requests[0], 'GET /v2/group/app/manifests/1?ns=registry.invalid');
  });

  it('are read only when the registry is asked', async () => {
    const registries = { [own.host]: { caFile: path('missing.pem') } };
    await assert.rejects(ping(own, { registries }), { code: 'NOT_FOUND', message: /missing\.pem/ });
    await ping(other, { registries, caFile: path('ca.pem') });
  });

  it('are refused for what is no registry', async () => {
    await assert.rejects(ping(own, { registries: { 'a/b': {} } }), {
      code: 'USAGE',
      message: '"a/b" is not a registry',
    });
  });
});
