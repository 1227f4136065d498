import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { hashSync } from 'bcryptjs';
import { openAccess } from '../../../src/operations/serve/access.js';
import { startServer } from '../../../src/operations/serve/server.js';
import {
  createServerCertificate,
  type ServerCertificate,
} from '../../support/programs/certificate-authority.js';
import { ask } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';

const HASH = '$2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

describe('openAccess', () => {
  const path = useFolder();

  it('names the file that is missing', async () => {
    await assert.rejects(openAccess({ htpasswdFile: path('users') }), {
      code: 'NOT_FOUND',
      message: `${path('users')} does not exist`,
    });
    const tls = { certFile: path('cert'), keyFile: path('key') };
    await assert.rejects(openAccess({ tls }), { code: 'NOT_FOUND', message: /cert/ });
    await assert.rejects(openAccess({ htpasswdFile: path() }), { code: 'IO', message: /is a directory/ });
  });

  it('lets in everybody where no file says whom', async () => {
    const { authorization, identity, files, close } = await openAccess({});
    assert.deepEqual([authorization, identity, files], [undefined, undefined, []]);
    await close();
  });

  it('lets in nobody where the name of the file is empty, as an unset variable makes it', async () => {
    await assert.rejects(openAccess({ htpasswdFile: '' }), { code: 'NOT_FOUND' });
  });

  it('warns of a file that lets in nobody', async () => {
    await writeFile(path('users'), '# nobody\n');
    const warnings: string[] = [];
    const { close } = await openAccess({
      htpasswdFile: path('users'),
      onWarning: (text) => warnings.push(text),
    });
    await close();
    assert.match(warnings.join(), /has no users/);
  });
});

describe('startServer', () => {
  const path = useFolder();
  const content = { openRepository: async () => undefined };

  it('keeps the users it knows when the file becomes wrong, and says so', async () => {
    await writeFile(path('users'), `alice:${HASH}\n`);
    let warn: (text: string) => void = () => undefined;
    const warned = new Promise<string>((resolve) => {
      warn = resolve;
    });
    const server = await startServer(content, {
      port: 0,
      htpasswdFile: path('users'),
      watchMs: 20,
      onWarning: (text) => warn(text),
    });
    await writeFile(path('new'), 'alice:plain\n');
    await rename(path('new'), path('users')); // as editors and Kubernetes do
    assert.match(await warned, /^the files that were read before stay in use: .*users, line 1/);
    await assert.rejects(server.reload(), { code: 'USAGE' });
    assert.equal((await ask(server.port, '/v2/')).status, 401);
    await server.close();
  });

  it('takes new users and a new certificate together, or neither', async () => {
    const [first, second] = [await certificateIn('first'), await certificateIn('second')];
    const [cert, key, users] = [path('cert.pem'), path('key.pem'), path('users')];
    const write = async (made: ServerCertificate, user: string, after = ''): Promise<void> => {
      await writeFile(cert, `${await readFile(made.certificate, 'utf8')}${after}`);
      await writeFile(key, await readFile(made.key));
      await writeFile(users, `${user}:${hashSync('secret', 4)}\n`);
    };
    await write(first, 'alice');
    const server = await startServer(content, {
      port: 0,
      tls: { certFile: cert, keyFile: key },
      htpasswdFile: users,
      watchMs: 3_600_000,
    });
    /** Who is let in by a server that shows a certificate of this authority. */
    const letsIn = async ({ ca }: ServerCertificate): Promise<string[]> => {
      const authority = await readFile(ca);
      const names: string[] = [];
      for (const user of ['alice', 'bob']) {
        const options = { host: '127.0.0.1', port: server.port, path: '/v2/', ca: authority, agent: false };
        const [response] = await once(get({ ...options, auth: `${user}:secret` }), 'response');
        if (response.resume().statusCode === 200) names.push(user);
      }
      return names;
    };
    assert.deepEqual(await letsIn(first), ['alice']);

    // The server's own certificate is whole, and what is wrong comes after it.
    await write(second, 'bob', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    await assert.rejects(server.reload(), { code: 'USAGE', message: /cert\.pem cannot be used for TLS/ });
    assert.deepEqual(await letsIn(first), ['alice']);

    await write(second, 'bob');
    await server.reload();
    assert.deepEqual(await letsIn(second), ['bob']);
    await server.close();
  });

  it('ends with what was read last when it is told to read again and again', async () => {
    const line = (user: string) => `${user}:${hashSync('secret', 4)}\n`;
    await writeFile(path('users'), line('alice'));
    const server = await startServer(content, { port: 0, htpasswdFile: path('users'), watchMs: 3_600_000 });
    const early = [server.reload(), server.reload()];
    await writeFile(path('users'), line('bob'));
    await Promise.all([...early, server.reload()]);
    const Authorization = `Basic ${Buffer.from('bob:secret').toString('base64')}`;
    assert.equal((await ask(server.port, '/v2/', { headers: { Authorization } })).status, 200);
    await server.close();
  });

  async function certificateIn(folder: string): Promise<ServerCertificate> {
    await mkdir(path(folder));
    return createServerCertificate(path(folder));
  }

  it('counts in metrics of its own', async () => {
    const server = await startServer(content, { port: 0 });
    const { status, body } = await ask(server.port, '/metrics');
    assert.equal(status, 200);
    assert.match(body.toString(), /^lading_http_connections 1$/m);
    await server.close();
  });
});
