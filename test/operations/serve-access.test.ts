import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { openAccess } from '../../src/operations/serve-access.js';
import { startServer } from '../../src/operations/serve-server.js';
import { ask } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';

const HASH = '$2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

describe('openAccess', () => {
  const path = useFolder();

  it('names the file that is missing', async () => {
    await assert.rejects(openAccess({ htpasswdFile: path('users') }), {
      code: 'NOT_FOUND',
      message: /users/,
    });
    const tls = { certFile: path('cert'), keyFile: path('key') };
    await assert.rejects(openAccess({ tls }), { code: 'NOT_FOUND', message: /cert/ });
    await assert.rejects(openAccess({ htpasswdFile: path() }), { code: 'IO' });
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
    assert.match(await warned, /^what was read before stays: .*users, line 1/);
    await assert.rejects(server.reload(), { code: 'USAGE' });
    assert.equal((await ask(server.port, '/v2/')).status, 401);
    await server.close();
  });

  it('counts in metrics of its own', async () => {
    const server = await startServer(content, { port: 0 });
    const { status, body } = await ask(server.port, '/metrics');
    assert.equal(status, 200);
    assert.match(body.toString(), /^lading_http_connections 1$/m);
    await server.close();
  });
});
