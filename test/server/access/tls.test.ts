import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { checkIdentity, type TLSIdentity } from '../../../src/server/access/certificate.js';
import { createRegistryServer, type RegistryServer } from '../../../src/server/server.js';
import { createServerCertificate } from '../../support/programs/certificate-authority.js';
import { exchangeRaw } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';

/** A damaged certificate of an authority, to be put after the server's own. */
const BROKEN_PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('a server with TLS', () => {
  const path = useFolder('the suite');
  const NAMES = { cert: 'server.pem', key: 'server.key' };
  let identity: TLSIdentity;
  let other: TLSIdentity;
  let ca: string;
  let server: RegistryServer;
  let port: number;

  before(async () => {
    const make = async (): Promise<TLSIdentity> => {
      const made = await createServerCertificate(path());
      ca = readFileSync(made.ca, 'utf8');
      return { cert: readFileSync(made.certificate, 'utf8'), key: readFileSync(made.key, 'utf8') };
    };
    other = await make();
    identity = await make();
  });
  beforeEach(async () => {
    server = createRegistryServer({ openRepository: async () => undefined, tls: identity });
    ({ port } = await server.listen({ port: 0 }));
  });
  afterEach(() => server.close());

  async function secured(options: { maxVersion?: SecureVersion; ca?: string } = {}): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port, ca, ...options });
    await once(socket, 'secureConnect');
    return socket;
  }

  it('answers over TLS 1.2 and later', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await secured({ maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      const [received] = await once(socket, 'data');
      assert.match(received.toString(), /^HTTP\/1\.1 200 OK\r\n/);
      socket.destroy();
    }
    const minVersion = 'TLSv1';
    const old = connect({
      host: '127.0.0.1',
      port,
      ca,
      minVersion,
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL@SECLEVEL=0',
    });
    await assert.rejects(once(old, 'secureConnect'), { code: /TLS|SSL/ });
  });

  it('tells a client that speaks plain http what is wrong, and lives on', async () => {
    const received = await exchangeRaw(port, 'GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(received, /^HTTP\/1\.1 400 .*"message":"this port expects https but received http"/s);
    (await secured()).destroy();
  });

  it('shows new connections the certificate that replaced the first, and keeps the old ones', async () => {
    const first = await secured();
    const before = first.getPeerCertificate().fingerprint256;
    server.replaceIdentity(other);
    // The new certificate's authority has the same name but is another one.
    const second = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(second, 'secureConnect');
    assert.notEqual(second.getPeerCertificate().fingerprint256, before);
    first.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match((await once(first, 'data')).toString(), /^HTTP\/1\.1 200/);
    first.destroy();
    second.destroy();
  });

  it('goes on with its certificate when the one to replace it cannot be used', async () => {
    const cert = `${other.cert}${BROKEN_PEM}`;
    assert.throws(() => server.replaceIdentity({ ...other, cert }));
    (await secured()).destroy();
  });

  it('closes while connections are open on which nothing is asked', async () => {
    const socket = await secured();
    socket.on('error', () => undefined);
    socket.resume();
    const closed = once(socket, 'close');
    await server.close();
    await closed;
    await assert.rejects(secured(), { code: 'ECONNREFUSED' });
  });

  it('has no certificate to replace where there is no TLS', () => {
    const plain = createRegistryServer({ openRepository: async () => undefined });
    assert.throws(() => plain.replaceIdentity(identity), { code: 'UNSUPPORTED' });
  });

  describe('checkIdentity', () => {
    it('takes a key and its certificate, and warns outside of the time of the latter', () => {
      assert.deepEqual(checkIdentity(identity, NAMES), []);
      const [late = ''] = checkIdentity(identity, NAMES, Date.parse('2200-01-01'));
      assert.match(late, /server\.pem expired on \d{4}-/);
      const [early = ''] = checkIdentity(identity, NAMES, 0);
      assert.match(early, /server\.pem is not valid before \d{4}-/);
    });

    it('says which of the two is wrong, and never what stands in it', () => {
      const { privateKey: protectedKey } = generateKeyPairSync('ed25519', {
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
      });
      const wrong: [Partial<TLSIdentity>, RegExp][] = [
        [{ key: other.key }, /^the key server\.key does not belong to the certificate server\.pem$/],
        [{ cert: identity.key }, /^server\.pem does not contain a valid certificate: no start line$/],
        [{ key: identity.cert }, /^server\.key does not contain a valid private key: [a-z ]+$/],
        [{ key: '' }, /^server\.key does not contain a valid private key/],
        [{ cert: `${identity.cert}${BROKEN_PEM}` }, /^server\.pem cannot be used for TLS: [a-z ]+$/],
        [{ key: protectedKey }, /^the key server\.key is protected by a passphrase$/],
      ];
      for (const [part, message] of wrong)
        assert.throws(() => checkIdentity({ ...identity, ...part }, NAMES), {
          code: 'USAGE',
          message,
          hint: /./,
        });
    });
  });
});
