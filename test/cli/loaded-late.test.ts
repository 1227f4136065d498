import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeSparseArchive } from '../support/sparse-archive.js';
import { useFolder } from '../support/temporary.js';
import { runLading } from './program.js';

/** Parts that the bundle keeps in files of their own: CommonJS packages among them lose their names easily. */
describe('what the program loads only when it is needed', () => {
  const path = useFolder();

  it('is the way through a proxy', async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('content-type', 'application/json').end('{"name":"app","tags":["1"]}');
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = proxy.address() as AddressInfo; // it listens on a port
      const { code, stdout } = await runLading(['ls', 'registry.example/app', '--plain-http'], {
        env: { HTTP_PROXY: `http://127.0.0.1:${port}` },
      });
      assert.deepEqual([code, stdout.trim()], [0, '1']);
      assert.ok(
        asked.every((url) => url.startsWith('http://registry.example/v2/')),
        asked.join(),
      );
    } finally {
      proxy.close();
    }
  });

  it('is the parser of rules for names', async () => {
    const archive = path('images.tar');
    await writeSparseArchive(archive, { images: 1, layers: 1, bytes: 1000, format: 'universal' });
    await writeFile(path('rules.yaml'), 'rules:\n  - prefix: registry.example/group\n    to: mirror\n');
    const { code, stdout, stderr } = await runLading([
      ...['load', '-i', archive, '127.0.0.1:5000', '--dry-run'],
      ...['--map', path('rules.yaml')],
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /-> +127\.0\.0\.1:5000\/mirror\/image-0:1/);
  });
});
