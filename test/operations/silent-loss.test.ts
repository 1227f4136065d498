import assert from 'node:assert/strict';
import { link, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { ANNOTATION } from '../../src/content/annotations.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import type { CopyEvent } from '../../src/events.js';
import { createSigningKey } from '../../src/manifest/convert/sign-schema1.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { copyInto, documentIn, storeOf } from '../support/archives.js';
import {
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { ask } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('images are never lost in silence', () => {
  const path = useFolder();
  let source: TestRegistry;
  let registry: UploadRegistry;
  let a: MadeImage;
  let b: MadeImage;
  let index: MadeIndex;
  let warnings: string[];
  before(async () => {
    source = await startRegistry();
    a = await makeImage({ seed: 'loss-a' });
    b = await makeImage({ seed: 'loss-b', platform: { os: 'linux', architecture: 'arm64' } });
    index = makeIndex([a, b]);
    for (const [tag, image] of Object.entries({ 1: a, 2: b, multi: index }))
      await source.put(`app:${tag}`, image);
    const signature = makeReferrer(index.manifest.descriptor, {
      artifactType: 'text/x-sig',
      payload: 'signed',
    });
    await pushAll(source.storeOf('app'), signature.all);
  });
  after(() => source.close());
  beforeEach(async () => {
    warnings = [];
    registry = await startUploadRegistry();
  });
  afterEach(() => registry.close());
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const digestOf = ({ manifest }: { manifest: MadeImage['manifest'] }) => manifest.descriptor.digest;
  const app = (rest: string): string => `${source.name}/app${rest}`;
  const contentsOf = async (archive: string): Promise<Record<string, string | undefined>> => {
    const { images } = await inspect(archive);
    return Object.fromEntries(images.map(({ name, digest }) => [name, digest]));
  };
  const writeArchive = async (name: string, images: Parameters<typeof storeOf>[0]): Promise<string> => {
    const archive = await openArchiveForWriting(path(name), { format: 'universal' });
    await copyInto(archive, await storeOf(images), Object.keys(images));
    return path(name);
  };

  describe('in a list', () => {
    it('two references with one tag and different digests are both kept, the second by its digest', async () => {
      const [one, two] = [app(`:1@${digestOf(a)}`), app(`:1@${digestOf(b)}`)];
      for (const [images, tagged, other] of [
        [[one, two], a, b],
        [[two, one], b, a],
        [[app(':1'), two], a, b],
        [[one, one, two, two], a, b],
      ] as const) {
        warnings = [];
        const output = path(`${Math.random()}.tar`);
        const result = await save({ images, output, onEvent });
        assert.equal(result.images.length, 2);
        assert.deepEqual(await contentsOf(output), {
          [app(':1')]: digestOf(tagged),
          [app(`@${digestOf(other)}`)]: digestOf(other),
        });
        assert.equal(warnings.filter((line) => line.includes(digestOf(other))).length, 1);
      }
    });

    it('an image named by its digest keeps it, and its signatures, when some platforms are chosen', async () => {
      const image = app(`@${digestOf(index)}`);
      const options = { images: [image], platforms: ['linux/amd64'], onEvent };
      const { images } = await save({ ...options, output: path('sparse.tar') });
      assert.deepEqual([images[0]?.digest, images[0]?.referrers], [digestOf(index), 1]);
      assert.deepEqual(images[0]?.absent, [digestOf(b)]);
      assert.ok(warnings.some((line) => line.includes(image) && line.includes(digestOf(b))));
      assert.deepEqual((await verify(path('sparse.tar'))).findings, []);
      const rewritten = await save({ ...options, output: path('rewritten.tar'), index: 'rewrite' });
      const [first] = rewritten.images;
      assert.equal(first?.name, app(`@${first?.digest}`), 'no name has the digest of what is not there');
      assert.equal(first?.originalDigest, digestOf(index));
    });

    it('images that were there before keep all their platforms when others are added', async () => {
      await save({ images: [app(':multi')], output: path('x.tar') });
      await save({ images: [app(':1')], output: path('x.tar'), append: true, platforms: ['linux/amd64'] });
      assert.equal((await contentsOf(path('x.tar')))[app(':multi')], digestOf(index));
    });
  });

  describe('where the output is what is read', () => {
    it('convert and copy refuse it by every name that it has', async () => {
      const archive = await writeArchive('a.tar', { 'reg.test/a:1': a });
      const before = await readFile(archive);
      await symlink(archive, path('link.tar'));
      await link(archive, path('hard.tar'));
      await mkdir(path('deep'));
      const names = [
        archive,
        path('link.tar'),
        path('hard.tar'),
        path('deep/../a.tar'),
        relative('.', archive),
      ];
      for (const output of [...names, ...names.map((name) => `oci-archive:${name}`)]) {
        const refused = { code: 'USAGE', message: /is the input/ };
        await assert.rejects(
          convert({ source: archive, output, to: 'docker', append: true }),
          refused,
          output,
        );
        await assert.rejects(copyImages({ source: archive, destination: output }), refused, output);
        await assert.rejects(copyImages({ source: output, destination: archive }), refused, output);
      }
      assert.deepEqual(await readFile(archive), before);
    });

    it('a layout is one, with and without its kind; giving an image of it another name is none', async () => {
      await copyInto(await openLayoutForWriting(path('dir')), await storeOf({ 'reg.test/a:1': a }), [
        'reg.test/a:1',
      ]);
      await symlink(path('dir'), path('other'));
      for (const output of [`${path('dir')}/`, path('dir'), `oci:${path('dir')}`, `oci:${path('other')}`]) {
        const refused = { code: 'USAGE', message: /is the input/ };
        await assert.rejects(convert({ source: path('dir'), output, to: 'docker' }), refused, output);
        await assert.rejects(
          copyImages({ source: `oci:${path('dir')}`, destination: output }),
          refused,
          output,
        );
      }
      await copyImages({
        source: `oci:${path('dir')}:reg.test/a:1`,
        destination: `oci:${path('dir')}:reg.test/a:2`,
      });
      assert.deepEqual(await contentsOf(path('dir')), {
        'reg.test/a:1': digestOf(a),
        'reg.test/a:2': digestOf(a),
      });
    });
  });

  describe('in a registry', () => {
    it('images of several repositories are not put into one, before anything is sent', async () => {
      const archive = await writeArchive('in.tar', { 'x.test/a:1': a, 'x.test/b:2': b });
      await assert.rejects(copyImages({ source: archive, destination: `docker://${registry.host}/zz` }), {
        code: 'USAGE',
        hint: new RegExp(`docker://${registry.host}/zz/ with the slash`),
      });
      assert.deepEqual(registry.requests, []);
      await copyImages({ source: archive, destination: `docker://${registry.host}/zz/` });
      assert.equal((await registry.repository('zz/b').resolve('2')).digest, digestOf(b));
    });

    it('an image known by its digest alone is told of, or gets a tag', async () => {
      const name = `x.test/a@${digestOf(a)}`;
      const input = await writeArchive('in.tar', { [name]: a });
      await load({ input, destination: registry.host, onEvent });
      assert.match(warnings.join(), /has no tag.*not listed/);
      const { images } = await load({ input, destination: registry.host, tagDigests: true });
      const tag = digestOf(a)
        .replace(':', '-')
        .slice(0, 'sha256-'.length + 12);
      assert.equal(images[0]?.pushed, `${registry.host}/a:${tag}`);
      assert.equal((await registry.repository('a').resolve(tag)).digest, digestOf(a));
      assert.equal((await registry.repository('a').resolve(digestOf(a))).digest, digestOf(a));
    });

    it('convert puts them there under their names, with the digests that they then have', async () => {
      const archive = await writeArchive('in.tar', { 'x.test/team/a:1': a, 'x.test/b:2': index });
      const output = `docker://${registry.host}/mirror/`;
      const { images, format } = await convert({ source: archive, output, to: 'docker' });
      assert.equal(format, 'registry');
      for (const [repository, tag] of [
        ['mirror/team/a', '1'],
        ['mirror/b', '2'],
      ] as const) {
        const { digest, mediaType } = await registry.repository(repository).resolve(tag);
        assert.ok(images.some(({ to }) => to.digest === digest && to.mediaType === mediaType));
        assert.match(mediaType, /vnd\.docker/);
      }
      await convert({
        source: archive,
        reference: 'x.test/b:2',
        output: `docker://${registry.host}/c:3`,
        to: 'docker',
      });
      assert.equal((await registry.repository('c').resolve('3')).mediaType, MEDIA_TYPE.dockerManifestList);
      for (const more of [{ format: 'oci' as const }, { append: true }])
        await assert.rejects(convert({ source: archive, output, to: 'docker', ...more }), { code: 'USAGE' });
      await assert.rejects(convert({ source: archive, output: registry.host, to: 'docker' }), {
        code: 'USAGE',
        hint: /docker:\/\//,
      });
    });
  });

  it('convert writes to every locator, in the format that it says', async () => {
    const archive = await writeArchive('in.tar', { 'x.test/a:1': a });
    for (const [output, format, name] of [
      [`oci:${path('dir')}`, 'oci', 'x.test/a:1'],
      [`oci:${path('named')}:x.test/z:9`, 'oci', 'x.test/z:9'],
      [`oci-archive:${path('o.tar')}`, 'oci-archive', 'x.test/a:1'],
      [`docker-archive:${path('d.tar')}`, 'docker-archive', 'x.test/a:1'],
    ] as const) {
      const result = await convert({ source: archive, output, to: 'docker' });
      assert.equal(result.format, format);
      assert.deepEqual(Object.keys(await contentsOf(output.replace(/^[a-z-]+:([^:]*).*$/, '$1'))), [name]);
    }
    const contradicted = {
      source: archive,
      output: `oci:${path('x')}`,
      to: 'docker',
      format: 'universal',
    } as const;
    await assert.rejects(convert(contradicted), { code: 'USAGE', remedy: 'omitFormat' });
  });

  it('a key that signs and a key of the connection are two, and neither is offered to the other', async () => {
    const archive = await writeArchive('in.tar', { 'x.test/a:1': a });
    const pem = createSigningKey().export({ type: 'pkcs8', format: 'pem' });
    await writeFile(path('signing.pem'), pem);
    await convert({
      source: archive,
      output: path('s.tar'),
      to: 'schema1',
      signing: { keyFile: path('signing.pem') },
    });
    const tls = { certFile: path('nothing.pem'), keyFile: path('tls.pem') };
    await convert({ source: archive, output: path('t.tar'), to: 'schema1', ...tls });
    const missing = { source: app(':1'), output: path('u.tar'), to: 'oci', ...tls } as const;
    await assert.rejects(
      convert(missing),
      { message: /nothing\.pem|tls\.pem/ },
      'the connection has its own',
    );
  });

  it('a docker-archive says what it has no room for', async () => {
    const archive = await writeArchive('in.tar', { 'x.test/a:1': index });
    await copyImages({ source: archive, destination: `docker-archive:${path('d.tar')}`, onEvent });
    assert.match(
      warnings.join(),
      /x\.test\/a:1: a docker-archive can hold only linux\/amd64 of it; left out: linux\/arm64/,
    );
    warnings = [];
    await convert({ source: archive, output: path('s.tar'), to: 'schema1', onEvent });
    assert.match(warnings.join(), /schema1 can hold only linux\/amd64 of it; left out: linux\/arm64/);
  });

  describe('under a name without a tag', () => {
    const named = async (name: string): Promise<string> => {
      const store = await storeOf({ x: a });
      const layout = await openLayoutForWriting(path('dir'));
      await copyInto(layout, store, ['x']);
      const document = JSON.parse(await readFile(path('dir/index.json'), 'utf8'));
      for (const entry of document.manifests) entry.annotations = { [ANNOTATION.refName]: name };
      await writeFile(path('dir/index.json'), JSON.stringify(document));
      return path('dir');
    };

    for (const [name, tagged, repository] of [
      ['team/app', 'team/app:latest', 'team/app'],
      ['reg.test:5000/team/app', 'reg.test:5000/team/app:latest', 'team/app'],
      ['localhost/app', 'localhost/app:latest', 'app'],
      ['docker.io/library/app', 'docker.io/library/app:latest', 'library/app'],
    ] as const) {
      it(`${name} is latest in ls, inspect, load, serve, convert and copy`, async () => {
        const layout = await named(name);
        const listed = await list(layout);
        assert.ok(listed.kind === 'images');
        assert.deepEqual(
          listed.images.map((image) => image.name),
          [tagged],
        );
        assert.deepEqual(Object.keys(await contentsOf(layout)), [tagged]);
        const { images } = await load({ input: layout, destination: registry.host });
        assert.equal(images[0]?.pushed, `${registry.host}/${repository}:latest`);
        assert.equal((await registry.repository(repository).resolve('latest')).digest, digestOf(a));
        const serving = await serve(layout, { port: 0 });
        try {
          assert.equal((await ask(serving.port, `/v2/${repository}/manifests/latest`)).status, 200);
        } finally {
          await serving.close();
        }
        await convert({ source: layout, output: path('c.tar'), to: 'docker' });
        const [item] = (await documentIn(path('c.tar'), 'manifest.json')) as { RepoTags: string[] | null }[];
        assert.match(item?.RepoTags?.join() ?? '', /app:latest$/);
        await copyImages({ source: layout, destination: `docker://${registry.host}/copied/` });
        assert.equal(
          (await registry.repository(`copied/${repository}`).resolve('latest')).digest,
          digestOf(a),
        );
      });
    }
  });
});
