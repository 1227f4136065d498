import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { formatPlatform, type Platform, parsePlatform } from '../../src/content/platform.js';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { save } from '../../src/operations/save.js';
import { serve } from '../../src/operations/serve/serve.js';
import { documentIn } from '../support/archives.js';
import { contentOf, type MadeImage, makeImage, makeIndex } from '../support/images.js';
import { makeOddImage, writeLayout } from '../support/odd-images.js';
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

  describe('where the index misleads', () => {
    const AMD64 = { os: 'linux', architecture: 'amd64' };
    const ARM64 = { os: 'linux', architecture: 'arm64' };

    /** A layout with one index over these, each as the index says it. */
    async function layoutOf(children: readonly { image: MadeImage; platform?: object }[]): Promise<string> {
      const index = makeIndex(children.map(({ image }) => image));
      const document = JSON.parse(index.manifest.bytes.toString());
      for (const [place, { platform }] of children.entries()) document.manifests[place].platform = platform;
      const manifest = contentOf(MEDIA_TYPE.ociIndex, Buffer.from(JSON.stringify(document)));
      await mkdir(path('layout'));
      return writeLayout(path('layout'), {
        'reg.test/app:1': { manifest, all: [...children.flatMap(({ image }) => image.all), manifest] },
      });
    }

    it('is chosen by the configs where the index states no platforms, in Docker’s half too', async () => {
      const [arm, amd] = [
        await makeImage({ seed: 'arm64', platform: ARM64 }),
        await makeImage({ seed: 'amd64', platform: AMD64 }),
      ];
      const source = await layoutOf([{ image: arm }, { image: amd }]);
      await copyImages({ source, destination: path('universal.tar') });
      assert.match(await dockerConfig(path('universal.tar')), hexOf(amd));
      await copyImages({ source, destination: `docker-archive:${path('docker.tar')}` });
      assert.match(await dockerConfig(path('docker.tar')), hexOf(amd));
    });

    it('is no artifact, and not one whose layers are encrypted, where another runs', async () => {
      const amd = await makeImage({ seed: 'plain', platform: AMD64 });
      const sealed = await makeOddImage('sealed', {
        layer: { mediaType: `${MEDIA_TYPE.ociLayerGzip}+encrypted` },
      });
      const chart = await makeOddImage('chart', {
        manifest: (it) => ({ ...it, config: { ...(it.config as object), mediaType: 'application/x-chart' } }),
      });
      for (const [name, odd] of [['sealed', sealed] as const, ['chart', chart] as const]) {
        const index = contentOf(
          MEDIA_TYPE.ociIndex,
          Buffer.from(
            JSON.stringify({
              schemaVersion: 2,
              mediaType: MEDIA_TYPE.ociIndex,
              manifests: [odd, amd].map(({ manifest }) => ({ ...manifest.descriptor, platform: AMD64 })),
            }),
          ),
        );
        await mkdir(path(name));
        const source = await writeLayout(path(name), {
          'reg.test/app:1': { manifest: index, all: [...odd.all, ...amd.all, index] },
        });
        const warnings: string[] = [];
        const onEvent = (event: CopyEvent) => event.type === 'warning' && warnings.push(event.message);
        await copyImages({ source, destination: `docker-archive:${path(`${name}.tar`)}`, onEvent });
        assert.match(await dockerConfig(path(`${name}.tar`)), hexOf(amd));
        const { images } = await convert({ source, output: path(`${name}-1/`), to: 'schema1' });
        assert.equal(images[0]?.from.digest, amd.manifest.descriptor.digest);
      }
    });

    it('asks for no feature of the processor where another one does not either', async () => {
      const fast = await makeImage({ seed: 'fast', platform: AMD64 });
      const any = await makeImage({ seed: 'any', platform: AMD64 });
      const source = await layoutOf([
        { image: fast, platform: { ...AMD64, features: ['avx512'] } },
        { image: any, platform: AMD64 },
      ]);
      await copyImages({ source, destination: path('universal.tar') });
      assert.match(await dockerConfig(path('universal.tar')), hexOf(any));
    });

    it('stays what Docker’s half named when something is added, unless another platform is asked for', async () => {
      const images = [`${registry.name}/app:1`];
      const output = path('chosen.tar');
      await save({ images, output, dockerPlatform: 'linux/amd64/v3' });
      assert.match(await dockerConfig(output), new RegExp(configOf('linux/amd64/v3')));
      const other = await makeImage({ seed: 'other' });
      await mkdir(path('other'));
      await copyImages({
        source: await writeLayout(path('other'), { 'reg.test/other:1': other }),
        destination: output,
      });
      const configs = ((await documentIn(output, 'manifest.json')) as { Config: string }[]).map(
        ({ Config }) => Config,
      );
      assert.equal(configs.length, 2);
      assert.ok(configs.some((config) => config.includes(configOf('linux/amd64/v3'))));
    });

    const hexOf = ({ config }: MadeImage): RegExp =>
      new RegExp(config.descriptor.digest.slice('sha256:'.length));
  });
});
