import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { formatPlatform, type Platform, parsePlatform } from '../../src/content/platform.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { save } from '../../src/operations/save.js';
import { serve } from '../../src/operations/serve/serve.js';
import { documentIn } from '../support/archives.js';
import { type MadeImage, makeImage, makeIndex } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

describe('one image of an index', () => {
  const path = useFolder();
  let registry: TestRegistry;
  const made = new Map<string, MadeImage>();
  const TEXTS = [
    'linux/amd64/v3',
    'linux/amd64/v2',
    'linux/amd64',
    'windows/amd64:10.0.26100.1',
    'windows/amd64:10.0.20348.2',
  ];
  before(async () => {
    registry = await startRegistry();
    for (const text of TEXTS) {
      const platform: Platform = parsePlatform(text);
      made.set(text, await makeImage({ seed: text, layers: [50], platform }));
    }
    await registry.put('app:1', makeIndex([...made.values()]));
  });
  after(() => registry.close());

  const configOf = (text: string) =>
    made.get(text)?.config.descriptor.digest.slice('sha256:'.length) ?? 'none';

  /** The config of the one image in Docker's half of an archive. */
  async function dockerConfig(archive: string): Promise<string> {
    const [item, ...others] = (await documentIn(archive, 'manifest.json')) as { Config: string }[]; // written by lading
    assert.equal(others.length, 0);
    return item?.Config ?? '';
  }

  it('is the baseline in Docker’s half of a universal archive, in a docker-archive and as schema1', async () => {
    const images = [`${registry.name}/app:1`];
    await save({ images, output: path('universal.tar') });
    assert.match(await dockerConfig(path('universal.tar')), new RegExp(configOf('linux/amd64')));
    await save({ images, output: path('docker.tar'), format: 'docker-archive' });
    assert.match(await dockerConfig(path('docker.tar')), new RegExp(configOf('linux/amd64')));
    await copyImages({ source: path('universal.tar'), destination: `docker-archive:${path('copied.tar')}` });
    assert.match(await dockerConfig(path('copied.tar')), new RegExp(configOf('linux/amd64')));
    const schema1 = await convert({ source: path('universal.tar'), output: path('schema1/'), to: 'schema1' });
    assert.equal(schema1.images[0]?.from.digest, made.get('linux/amd64')?.manifest.descriptor.digest);
  });

  it('is the one of the version that is named, in save, convert and inspect', async () => {
    const platforms = ['windows/amd64:10.0.20348'];
    const images = [`${registry.name}/app:1`];
    const saved = await save({ images, output: path('windows.tar'), platforms });
    assert.deepEqual(saved.images[0]?.platforms.map(formatPlatform), ['windows/amd64:10.0.20348.2']);
    await save({ images, output: path('docker.tar'), format: 'docker-archive', platforms });
    assert.match(await dockerConfig(path('docker.tar')), new RegExp(configOf('windows/amd64:10.0.20348.2')));
    const source = await layoutOfAll();
    await convert({ source, output: path('converted.tar'), to: 'docker', platforms });
    const inspected = await inspect(path('converted.tar'));
    assert.deepEqual(
      inspected.images[0]?.platforms.map(({ 'os.version': version }) => version),
      ['10.0.20348.2'],
    );
    const shown = await inspect(source, { platforms });
    assert.deepEqual(shown.images[0]?.platforms.map(formatPlatform), ['windows/amd64:10.0.20348.2']);
    await assert.rejects(inspect(source, { platforms: ['windows/amd64:10.0.14393'] }), { code: 'NOT_FOUND' });
  });

  it('is what a server gives to clients that take no index: the baseline, or the version that is named', async () => {
    const source = await layoutOfAll();
    for (const [platform, text] of [
      [undefined, 'linux/amd64'],
      ['windows/amd64:10.0.20348', 'windows/amd64:10.0.20348.2'],
    ] as const) {
      const server = await serve([source], { port: 0, platform });
      try {
        const url = `http://127.0.0.1:${server.port}/v2/app/manifests/1`;
        const answer = await fetch(url, { headers: { Accept: `${DOCKER_MANIFEST}, ${SCHEMA1}` } });
        const { config } = (await answer.json()) as { config: { digest: string } }; // a manifest of Docker's
        assert.equal(config.digest, `sha256:${configOf(text)}`);
      } finally {
        await server.close();
      }
    }
  });

  async function layoutOfAll(): Promise<string> {
    await mkdir(path('layout'));
    return writeLayout(path('layout'), { 'example.test/app:1': makeIndex([...made.values()]) });
  }
});
