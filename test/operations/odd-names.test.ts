import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { verify } from '../../src/operations/verify/verify.js';
import { configFor, dockerArchive, plainLayer } from '../support/docker-archives.js';
import { contentOf, type MadeImage, makeImage } from '../support/images.js';
import { writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';

/** Three images, of which the one in the middle has these RepoTags. */
function archiveWith(repoTags: unknown): Buffer {
  const files: Record<string, Buffer | string> = {};
  const items = [['good/one:1'], repoTags, ['good/two:2']].map((RepoTags, place) => {
    const layer = plainLayer(`layer ${place}`);
    files[`${place}.json`] = configFor(layer);
    files[`${place}/layer.tar`] = layer;
    return { Config: `${place}.json`, RepoTags, Layers: [`${place}/layer.tar`] };
  });
  return dockerArchive(files, items);
}

const GOOD = ['docker.io/good/one:1', 'docker.io/good/two:2'];

describe('an archive with a name that is none', () => {
  const path = useFolder();
  let server: WritableServed;
  let warnings: string[];
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  beforeEach(async () => {
    warnings = [];
    server = await serveWritable();
  });
  afterEach(() => server.close());

  const BAD: [title: string, repoTags: unknown, told: RegExp][] = [
    ['capital letters', ['bazel/MyImage:tag'], /"bazel\/MyImage:tag" is not the name of an image/],
    ['nothing in it', [''], /"" is not the name/],
    ['<none> for its tag', ['app:<none>'], /"app:<none>" is not the name/],
    ['null for a name', [null], /null is not the name/],
    ['a number for a name', [7], /7 is not the name/],
    ['a path that is too long', [`${'a/'.repeat(150)}b:1`], /is not the name/],
    ['a tag that is too long', [`app:${'x'.repeat(129)}`], /is not the name/],
    ['a text instead of a list', 'app:1', /RepoTags is the string "app:1" instead of a list of names/],
    ['a space', ['Bad Name:1'], /"Bad Name:1" is not the name/],
    ['letters of another alphabet', ['bücher/app:1'], /"bücher\/app:1" is not the name/],
  ];
  for (const [title, repoTags, told] of BAD) {
    it(`shows, verifies and loads the other images, with ${title}`, async () => {
      const input = path('a.tar');
      await writeFile(input, archiveWith(repoTags));
      const listed = await list(input, { onEvent });
      assert.match(warnings.join('\n'), told);
      assert.ok(listed.kind === 'images');
      const nameless = listed.images.find(({ name }) => name.startsWith('sha256:'));
      assert.deepEqual(listed.images.map(({ name }) => name).sort(), [...GOOD, nameless?.name].sort());
      assert.equal((await inspect(input)).images.length, 3);
      const verified = await verify(input);
      assert.ok(verified.ok);
      assert.match(verified.notes.find(({ code }) => code === 'ODD_NAME')?.message ?? '', told);

      warnings = [];
      const loaded = await load({ input, destination: server.registry, onEvent });
      assert.deepEqual(loaded.images.map(({ name }) => name).sort(), GOOD);
      assert.match(warnings.join('\n'), told);
      assert.match(warnings.join('\n'), /sha256:[0-9a-f]{64} has no name: it is left out/);
      const byDigest = { input, destination: server.registry, images: [nameless?.name ?? ''] };
      await assert.rejects(load(byDigest), {
        code: 'USAGE',
        hint: 'Give it a name.',
        remedy: 'name',
      });
      const named = await load({ ...byDigest, name: 'mine/app:1' });
      assert.deepEqual(
        named.images.map(({ pushed }) => pushed),
        [`${server.registry}/mine/app:1`],
      );
    });
  }

  it('keeps the name that is one beside it', async () => {
    await writeFile(path('a.tar'), archiveWith(['good:1', 'Bad Name:1']));
    const listed = await list(path('a.tar'), { onEvent });
    assert.ok(listed.kind === 'images');
    assert.ok(listed.images.some(({ name }) => name === 'docker.io/library/good:1'));
    assert.equal(warnings.length, 1);
  });

  it('says nothing about <none>:<none>, which is how Docker writes that there is no name', async () => {
    await writeFile(path('a.tar'), archiveWith(['<none>:<none>']));
    const listed = await list(path('a.tar'), { onEvent });
    assert.ok(listed.kind === 'images' && listed.images.length === 3);
    assert.deepEqual(warnings, []);
  });

  it('is refused by load where it holds nothing else, with what to do', async () => {
    const layer = plainLayer('x');
    const items = [{ Config: 'c', RepoTags: ['MyImage:1'], Layers: ['l'] }];
    await writeFile(path('a.tar'), dockerArchive({ c: configFor(layer), l: layer }, items));
    const options = { input: path('a.tar'), destination: server.registry };
    await assert.rejects(load(options), {
      code: 'USAGE',
      hint: 'Give it a name.',
      remedy: 'name',
    });
    assert.equal((await load({ ...options, name: 'app:1' })).images.length, 1);
  });

  it('is loaded where it is a layout, but for the entry that has no name of an image', async () => {
    const [odd, sound] = [await makeImage({ seed: 'odd' }), await makeImage({ seed: 'sound' })];
    for (const [place, name] of ['My Image', 'example.test/UPPER:1', '@'].entries()) {
      await mkdir(path(`layout-${place}`));
      const images = { [name]: odd, 'example.test/app:1': sound };
      const input = await writeLayout(path(`layout-${place}`), images);
      const loaded = await load({ input, destination: server.registry, onEvent });
      assert.deepEqual(
        loaded.images.map((image) => image.name),
        ['example.test/app:1'],
      );
      assert.match(warnings.at(-1) ?? '', /is not the name of an image: it is left out/);
    }
  });
});

describe('a tag with a +, as versions of charts have it', () => {
  const path = useFolder();

  it('is loaded and copied with _ in its place, and it is said', async () => {
    const server = await serveWritable();
    const warnings: string[] = [];
    try {
      const image = await makeImage({ seed: 'chart' });
      await mkdir(path('layout'));
      const name = 'example.test/charts/app:1.2.3+up4';
      const input = await writeLayout(path('layout'), { [name]: image });
      const loaded = await load({
        input,
        destination: server.registry,
        onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
      });
      assert.equal(loaded.images[0]?.pushed, `${server.registry}/charts/app:1.2.3_up4`);
      assert.match(warnings.join(), /1\.2\.3\+up4 becomes example\.test\/charts\/app:1\.2\.3_up4/);
      const destination = `docker://${server.registry}/other/app`;
      assert.match(
        (await copyImages({ source: input, destination })).images[0]?.copied ?? '',
        /:1\.2\.3_up4$/,
      );

      await mkdir(path('bare'));
      const bare = await writeLayout(path('bare'), { '1.2.3+up4': image });
      const named = await load({ input: bare, destination: server.registry, name: 'charts/bare' });
      assert.equal(named.images[0]?.pushed, `${server.registry}/charts/bare:1.2.3_up4`);
    } finally {
      await server.close();
    }
  });
});

describe('an index whose entries are no manifests', () => {
  const path = useFolder();
  let image: MadeImage;
  let input: string;
  let cache: ReturnType<typeof contentOf>;
  beforeEach(async () => {
    image = await makeImage({ seed: 'cached' });
    const [layer] = image.layers;
    assert.ok(layer);
    const config = contentOf('application/vnd.buildkit.cacheconfig.v0', Buffer.from('{"layers":[]}'));
    const manifests = [layer.descriptor, config.descriptor];
    cache = contentOf(
      'application/vnd.oci.image.index.v1+json',
      Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }),
      ),
    );
    await mkdir(path('layout'));
    input = await writeLayout(path('layout'), {
      'example.test/a:1': image,
      'example.test/a:buildcache': { manifest: cache, all: [layer, config, cache] },
    });
  });

  it('is shown with them as blobs, verified, and listed', async () => {
    const shown = (await inspect(input)).images.find(({ name }) => name.endsWith('buildcache'));
    assert.equal(shown?.problem, undefined);
    assert.deepEqual(
      shown?.blobs?.map(({ mediaType }) => mediaType),
      ['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.buildkit.cacheconfig.v0'],
    );
    assert.ok((await verify(input)).ok);
    const listed = await list(input);
    assert.ok(listed.kind === 'images' && listed.images.every(({ problem }) => problem === undefined));
  });

  it('is carried as it is by copy and by every conversion', async () => {
    await copyImages({ source: input, destination: `oci:${path('copy')}` });
    assert.ok((await verify(path('copy'))).ok);
    for (const to of ['docker', 'oci'] as const) {
      const { images } = await convert({ source: input, output: path(`${to}.tar`), to });
      const kept = images.find(({ name }) => name.endsWith('buildcache'));
      assert.equal(kept?.to.digest, cache.descriptor.digest);
      assert.ok((await verify(path(`${to}.tar`))).ok);
    }
  });
});
