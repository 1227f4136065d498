import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { copyImages, inspect } from '../../../src/index.js';
import { openDockerDaemon } from '../../../src/store/engine/docker-daemon.js';
import { configFor, dockerArchive, plainLayer } from '../../support/docker-archives.js';
import { useFolder } from '../../support/temporary.js';

const layer = plainLayer('of an engine');
const ARCHIVE = dockerArchive({ layer, config: configFor(layer) }, [
  { Config: 'config', RepoTags: ['app:1'], Layers: ['layer'] },
]);

describe('an image of the Docker engine', () => {
  const path = useFolder('the suite');
  let engine: Server;
  let host: string;
  const asked: (string | undefined)[] = [];
  before(async () => {
    engine = createServer(({ url }, response) => {
      asked.push(url);
      if (url === '/images/get?names=app%3A1') return void response.end(ARCHIVE);
      if (url === '/images/get?names=cut') {
        response.setHeader('content-length', ARCHIVE.length);
        response.write(ARCHIVE.subarray(0, 1000), () => response.destroy());
        return undefined;
      }
      response.statusCode = url === '/images/get?names=broken' ? 500 : 404;
      return void response.end(JSON.stringify({ message: 'No such image\u001b[31m' }));
    }).listen(path('engine.sock'));
    await once(engine, 'listening');
    host = `unix://${path('engine.sock')}`;
  });
  after(() => engine.close());
  const leftBehind = async (): Promise<string[]> =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(`.lading-${process.pid}-`));

  it('is read like any archive, with a warning that its digests are new, and leaves nothing behind', async () => {
    const warnings: string[] = [];
    const { store, close } = await openDockerDaemon('app:1', {
      host,
      onWarning: (text) => warnings.push(text),
    });
    assert.equal((await store.resolve('app:1')).origin, 'made');
    assert.deepEqual(warnings, [
      'app:1 is written to a temporary file first',
      'the digests of app:1 are new: this engine keeps no manifests, so they are made of its layers',
    ]);
    await close();
    assert.deepEqual(await leftBehind(), []);
  });

  it('is a source of copy and inspect', async () => {
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = host;
    try {
      const { images } = await inspect('docker-daemon:app:1');
      assert.deepEqual(
        images.map(({ name }) => name),
        ['docker.io/library/app:1'],
      );
      await copyImages({ source: 'docker-daemon:app:1', destination: path('copied.tar') });
      const copied = await inspect(path('copied.tar'));
      assert.equal(copied.images[0]?.digest, images[0]?.digest);
      await assert.rejects(copyImages({ source: path('copied.tar'), destination: 'docker-daemon:app:2' }), {
        code: 'USAGE',
        message: 'docker-daemon:app:2 is read only: lading does not write into engines',
      });
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
    }
  });

  it('says what the engine says, without what a terminal would obey', async () => {
    await assert.rejects(openDockerDaemon('app:2', { host }), {
      code: 'NOT_FOUND',
      message: 'the Docker engine does not have app:2: No such image\\x1b[31m',
    });
    await assert.rejects(openDockerDaemon('broken', { host }), {
      code: 'IO',
      message: /^the Docker engine does not give broken \(500\): No such image/,
    });
  });

  it('is not taken for whole where the engine breaks off, and leaves nothing behind', async () => {
    await assert.rejects(openDockerDaemon('cut', { host }));
    assert.deepEqual(await leftBehind(), []);
  });

  it('is not asked of an engine that is not here, or not there', async () => {
    await assert.rejects(openDockerDaemon('app:1', { host: `unix://${path('nothing.sock')}` }), {
      code: 'UNREACHABLE',
      hint: 'Start it, or set DOCKER_HOST to the address where it listens.',
    });
    await assert.rejects(openDockerDaemon('app:1', { host: 'tcp://engine.example:2376' }), {
      code: 'UNSUPPORTED',
    });
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await assert.rejects(openDockerDaemon('app:1', { host, signal: abort.signal }), /enough/);
  });
});
