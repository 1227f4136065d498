import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { digestOf } from '../../../src/content/digest.js';
import { createRegistryClient, type RegistryClientOptions } from '../../../src/registry/client.js';
import type { CertificatePlaces } from '../../../src/registry/http/authorities.js';
import { defaultPlaces } from '../../../src/registry/http/authorities.js';
import { createTransport } from '../../../src/registry/http/transport.js';
import {
  type Certificate,
  makeCertificate,
  makeExpiredCertificate,
  makeIssuedCertificate,
  makeRenewedAuthority,
} from '../../support/certificates.js';
import { useFolder } from '../../support/temporary.js';
import { type Handler, sendJSON, serve, type TestServer } from '../http-server.js';

const answer: Handler = (_request, response) => sendJSON(response, {});

describe('the authorities that are trusted', () => {
  const path = useFolder();
  const closing: (() => Promise<void>)[] = [];
  let certificate: Certificate;
  let other: Certificate;

  before(async () => {
    [certificate, other] = [makeCertificate(), makeCertificate()];
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(handler = answer, tls: Certificate = certificate): Promise<TestServer> {
    const server = await serve(handler, tls);
    closing.push(server.close);
    return server;
  }

  /** The places of certificates, all in the test's folder. */
  const places = (): CertificatePlaces => ({
    perRegistry: [path('user'), path('containers'), path('docker')],
    systemFiles: [path('missing.crt'), path('bundle.crt'), path('second.crt')],
    systemFolders: [path('certs')],
  });

  function connect(options: RegistryClientOptions = {}) {
    const client = createRegistryClient({
      environment: {},
      certificates: places(),
      retries: 0,
      wait: async () => {},
      ...options,
    });
    closing.push(() => client.close());
    return client;
  }

  async function write(file: string, ...texts: string[]): Promise<string> {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), texts.join('\n'));
    return path(file);
  }

  const untrusted = { code: 'UNREACHABLE', message: /signed by an unknown authority/ };

  it('are not those of a stranger', async () => {
    const { host } = await start();
    await write('bundle.crt', other.cert);
    await assert.rejects(connect().ping(host), untrusted);
  });

  it("are those in the system's bundle, whatever else stands in it", async () => {
    const { host, requests } = await start();
    const damaged = other.cert.replace(/[A-Z]/g, 'x');
    await write('bundle.crt', '# authorities of this machine', damaged, other.cert, certificate.cert);
    const client = connect();
    await Promise.all(Array.from({ length: 4 }, () => client.ping(host)));
    assert.deepEqual(requests, Array(4).fill('GET /v2/'));
  });

  it("are not those of the system's second bundle, as in Go", async () => {
    const { host } = await start();
    await write('bundle.crt', other.cert);
    await write('second.crt', certificate.cert);
    await assert.rejects(connect().ping(host), untrusted);
  });

  it("are those in the system's folder, beside the bundle and without one", async () => {
    const { host, requests } = await start();
    await assert.rejects(connect().ping(host), untrusted);
    await write('certs/own.pem', certificate.cert);
    await connect().ping(host);
    await write('bundle.crt', other.cert);
    await connect().ping(host);
    assert.deepEqual(requests, ['GET /v2/', 'GET /v2/']);
  });

  it('are those of SSL_CERT_FILE and of the folders of SSL_CERT_DIR', async () => {
    const { host } = await start();
    const file = await write('own.crt', certificate.cert);
    await write('second/own.crt', certificate.cert);
    await connect({ environment: { SSL_CERT_FILE: file } }).ping(host);
    await connect({ environment: { SSL_CERT_DIR: `${path('first')}:${path('second')}` } }).ping(host);
    await assert.rejects(connect({ environment: { SSL_CERT_FILE: path('gone') } }).ping(host), untrusted);
  });

  it('are those of NODE_EXTRA_CA_CERTS beside --ca', async () => {
    const { host } = await start();
    const { host: second } = await start(answer, other);
    const extra = { NODE_EXTRA_CA_CERTS: await write('own.crt', certificate.cert) };
    await assert.rejects(connect({ ca: other.cert }).ping(host), untrusted);
    await assert.rejects(connect({ environment: extra }).ping(second), untrusted);
    const client = connect({ ca: other.cert, environment: extra });
    await client.ping(host);
    await client.ping(second);
  });

  for (const place of ['user', 'containers', 'docker']) {
    it(`are those in ${place}/HOST:PORT, for this registry only`, async () => {
      const { host } = await start();
      const { host: second } = await start();
      await write(`${place}/${host}/ca.crt`, certificate.cert);
      const client = connect();
      await client.ping(host);
      await assert.rejects(client.ping(second), untrusted);
    });
  }

  it('are those of the first folder that is there for a registry, as in skopeo', async () => {
    const { host } = await start();
    await write(`containers/${host}/ca.crt`, other.cert);
    await write(`docker/${host}/ca.crt`, certificate.cert);
    await assert.rejects(connect().ping(host), untrusted);
  });

  it('are looked for further where one in certs.d or of --ca has expired and was renewed', async () => {
    const { expired, renewed, server } = makeRenewedAuthority();
    const { host } = await start(answer, server);
    const environment = { SSL_CERT_FILE: await write('renewed.crt', renewed) };
    await connect({ ca: expired, environment }).ping(host);
    await write(`docker/${host}/ca.crt`, expired);
    await connect({ environment }).ping(host);
    const outdated = { code: 'UNREACHABLE', message: /or that of its authority, has expired$/ };
    await assert.rejects(connect().ping(host), outdated);
  });

  it('are looked for further where one in certs.d has the name but not the key of the right one', async () => {
    const names = ['localhost', '127.0.0.1'];
    const [issued, twin] = [makeIssuedCertificate(names), makeIssuedCertificate(names)];
    const { host } = await start(answer, issued.server);
    await write(`docker/${host}/ca.crt`, twin.authority);
    const environment = { SSL_CERT_FILE: await write('right.crt', issued.authority) };
    await connect({ environment }).ping(host);
    const message =
      /names a trusted authority as its issuer but is not signed with the key of that authority$/;
    await assert.rejects(connect().ping(host), { code: 'UNREACHABLE', message });
  });

  it('do not hide that the certificate of the server itself has expired', async () => {
    const outdated = makeExpiredCertificate();
    const { host } = await start(answer, outdated);
    await write('bundle.crt', certificate.cert);
    const rejection = { code: 'UNREACHABLE', message: /its certificate, .*has expired$/ };
    await assert.rejects(connect({ ca: outdated.cert }).ping(host), rejection);
    await write('bundle.crt', certificate.cert, outdated.cert);
    await assert.rejects(connect().ping(host), rejection);
  });

  it('are those in certs.d that can be read; of the others a warning tells once', async () => {
    const { host } = await start();
    await write(`docker/${host}/z.crt`, certificate.cert);
    await symlink(path('gone.crt'), path(`docker/${host}/a.crt`));
    await mkdir(path(`docker/${host}/b.crt`));
    const warnings: string[] = [];
    const client = connect({ onWarning: (text) => warnings.push(text) });
    await client.ping(host);
    (await client.getForeign(`https://${host}/layer`, host, { size: 2 })).destroy();
    assert.deepEqual(
      warnings.map((text) => text.replace(/ because it cannot be read: .*/, '')),
      ['a.crt', 'b.crt'].map((name) => `the authority ${path(`docker/${host}`)}/${name} is ignored`),
    );
  });

  it('are those behind what is no certificate, in certs.d and of --ca', async () => {
    const { host } = await start();
    const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    await assert.rejects(connect({ ca: damaged + other.cert }).ping(host), untrusted);
    await connect({ ca: damaged + certificate.cert }).ping(host);
    await assert.rejects(connect().ping(host), untrusted);
    await write(`docker/${host}/ca.crt`, '# Corp', damaged, certificate.cert);
    await connect().ping(host);
  });

  it("are those of a registry for its token service and storage too, and not its client's certificate", async () => {
    const client = makeCertificate();
    const storage = await start();
    const shown: unknown[] = [];
    const asking = { ...certificate, requestCert: true, rejectUnauthorized: false };
    const tokens = await start(({ socket }, response) => {
      shown.push((socket as TLSSocket).getPeerCertificate().subject); // over TLS
      sendJSON(response, { token: 't' });
    }, asking);
    const realm = `https://localhost:${tokens.host.split(':')[1]}/token`;
    const registry = await start(({ headers, url }, response) => {
      if (headers.authorization === undefined)
        return sendJSON(
          response,
          {},
          { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } },
        );
      if (url?.includes('blobs')) return response.writeHead(307, { location: storage.origin }).end();
      return sendJSON(response, {});
    });
    await write(`docker/${registry.host}/ca.crt`, certificate.cert);
    await write(`docker/${registry.host}/client.cert`, client.cert);
    await write(`docker/${registry.host}/client.key`, client.key);
    const blob = digestOf(Buffer.from('x'));
    (await connect().getBlob({ registry: registry.host, repository: 'a' }, blob)).destroy();
    assert.deepEqual([shown, storage.requests.length], [[undefined], 1]);
  });

  it('are asked with the client certificate of certs.d', async () => {
    const client = makeCertificate();
    const mutual = { ...certificate, requestCert: true, rejectUnauthorized: true, ca: client.cert };
    const { host, requests } = await start(answer, mutual);
    await write(`docker/${host}/ca.crt`, certificate.cert);
    await assert.rejects(connect().ping(host), { code: 'UNREACHABLE' });
    await write(`docker/${host}/client.cert`, client.cert);
    await write(`docker/${host}/client.key`, client.key);
    await connect().ping(host);
    assert.equal(requests.length, 1);
  });

  it('are asked with that of several client certificates in certs.d that the registry takes', async () => {
    const [right, wrong] = [makeCertificate(), makeCertificate()];
    for (const [version, names] of [
      ['TLSv1.2', ['a', 'b']],
      ['TLSv1.3', ['a', 'b']],
      ['TLSv1.3', ['b', 'a']],
    ] as const) {
      const mutual = { ...certificate, requestCert: true, rejectUnauthorized: true, ca: right.cert };
      const { host, origin, requests } = await start(answer, {
        ...mutual,
        maxVersion: version,
      } as Certificate);
      await write(`docker/${host}/ca.crt`, certificate.cert);
      for (const [index, pair] of [wrong, right].entries()) {
        await write(`docker/${host}/${names[index]}.cert`, pair.cert);
        await write(`docker/${host}/${names[index]}.key`, pair.key);
      }
      const transport = createTransport({ environment: {}, certificates: places() });
      closing.push(() => transport.close());
      const ask = async (): Promise<void> => {
        const url = new URL(`${origin}/v2/`);
        (await transport.send({ method: 'GET', url, headers: {} })).body.destroy();
      };
      await Promise.all([ask(), ask(), ask()]);
      await ask();
      assert.equal(requests.length, 4);
    }
  });

  it('are asked with the last of several client certificates in vain where the registry takes none', async () => {
    const mutual = { ...certificate, requestCert: true, rejectUnauthorized: true, ca: other.cert };
    const { host, requests } = await start(answer, mutual);
    await write(`docker/${host}/ca.crt`, certificate.cert);
    for (const name of ['a', 'b']) {
      const { cert, key } = makeCertificate();
      await write(`docker/${host}/${name}.cert`, cert);
      await write(`docker/${host}/${name}.key`, key);
    }
    await assert.rejects(connect().ping(host), { code: 'UNREACHABLE' });
    assert.deepEqual(requests, []);
  });

  it('are asked with a client certificate and its key that stand in one PEM', async () => {
    const client = makeCertificate();
    const mutual = { ...certificate, requestCert: true, rejectUnauthorized: true, ca: client.cert };
    const { host, requests } = await start(answer, mutual);
    const both = client.key + client.cert;
    for (const pair of [{ cert: both }, { key: both }])
      await connect({ ca: certificate.cert, ...pair }).ping(host);
    assert.equal(requests.length, 2);
  });

  it('are those of certs.d for the place of a foreign layer, too, and not its client certificate', async () => {
    const client = makeCertificate();
    const shown: unknown[] = [];
    const asking = { ...certificate, requestCert: true, rejectUnauthorized: false };
    const { host } = await start(({ socket }, response) => {
      shown.push((socket as TLSSocket).getPeerCertificate().subject); // over TLS
      response.writeHead(200).end('layer');
    }, asking);
    await write(`docker/${host}/ca.crt`, certificate.cert);
    await write(`docker/${host}/client.cert`, client.cert);
    await write(`docker/${host}/client.key`, client.key);
    (await connect().getForeign(`https://${host}/layer`, host, { size: 5 })).destroy();
    assert.deepEqual(shown, [undefined]);
  });

  it('come with complete client certificates, or a word about what is missing', async () => {
    const { host } = await start();
    await write(`docker/${host}/client.cert`, other.cert);
    const hint = /NAME\.cert is a client certificate/;
    await assert.rejects(connect().ping(host), {
      code: 'USAGE',
      message: `${path(`docker/${host}/client.key`)} is missing beside client.cert`,
      hint,
    });
    await write(`containers/${host}/client.key`, other.key);
    await assert.rejects(connect().ping(host), {
      message: `${path(`containers/${host}/client.cert`)} is missing beside client.key`,
    });
  });

  it('are found for a large response to which the connection is its own', async () => {
    const { origin } = await start((_request, response) => response.end('x'.repeat(1000)));
    await write('bundle.crt', certificate.cert);
    const transport = createTransport({ bulkBytes: 1, environment: {}, certificates: places() });
    closing.push(() => transport.close());
    const { status, body } = await transport.send({
      method: 'GET',
      url: new URL(`${origin}/blob`),
      headers: {},
      expectedBytes: 1000,
    });
    body.destroy();
    assert.equal(status, 200);
  });

  it('lie where docker, skopeo and Go look for them', () => {
    const { perRegistry, systemFiles, systemFolders } = defaultPlaces('/home/me');
    assert.deepEqual(perRegistry, [
      '/home/me/.config/containers/certs.d',
      '/etc/containers/certs.d',
      '/etc/docker/certs.d',
    ]);
    assert.equal(systemFiles[0], '/etc/ssl/certs/ca-certificates.crt');
    assert.ok(systemFolders.includes('/etc/ssl/certs'));
  });
});
