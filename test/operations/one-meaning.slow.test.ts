import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { ANNOTATION } from '../../src/content/annotations.js';
import type { Descriptor } from '../../src/content/descriptor.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import type { Files } from '../support/docker-archives.js';
import {
  blobOf,
  blobs,
  entry,
  entryCalled,
  folders,
  index,
  item,
  manifest,
  plainFiles,
  plainItem,
  repositories,
  VERSION,
  writeForm,
} from '../support/halves.js';
import { TWO_MEANINGS } from '../support/hostile/lists.js';
import { makeImages } from '../support/hostile/two-meanings.js';
import { type Content, contentOf, jsonContent, type MadeImage, type MadeIndex } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const ONE = 'docker.io/library/app:1';

/** What `verify` finds, or refuses to open, one line each. */
async function foundIn(path: string): Promise<string[]> {
  try {
    const { ok, findings } = await verify(path);
    assert.equal(ok, findings.length === 0);
    return findings.map(({ code, message }) => `${code} ${message}`);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return [`${error.code} ${error.message}`];
  }
}

describe('an archive or layout with several lists of its images', () => {
  const path = useFolder();
  let good: MadeImage;
  let evil: MadeImage;
  let arm: MadeImage;
  let both: MadeIndex;
  before(async () => {
    ({ good, evil, arm, both } = await makeImages());
  });

  describe('that means one image to some readers and another to others', () => {
    for (const { name, what, says, code = 'INVALID_ARCHIVE', files } of TWO_MEANINGS) {
      it(`is found by verify, with the image and both places, and not served: ${name}, ${what}`, async () => {
        const made = await files({ good, evil, arm, both });
        const hasLinks = Object.values(made).some(
          (body) => typeof body === 'string' && body.startsWith('-> '),
        );
        for (const form of hasLinks ? (['tar'] as const) : (['tar', 'directory'] as const)) {
          const place = await writeForm(path(form), form, made);
          const found = await foundIn(place);
          assert.ok(
            found.some((line) => says.test(line) && (line.startsWith(code) || line.startsWith('INVALID'))),
            `${form}: ${found.join('\n')}`,
          );
          for (const read of [inspect, list]) await assert.rejects(read(place), says, form);
          await assert.rejects(serve([place], { port: 0 }), says, form);
        }
      });
    }
  });

  describe('that all mean the same', () => {
    /** The names that each reader of images gives, with what it takes for them. */
    async function readIn(form: 'tar' | 'directory', files: Files): Promise<Map<string, string | undefined>> {
      const place = await writeForm(path(form), form, files);
      assert.deepEqual(await foundIn(place), [], form);
      const listed = await list(place);
      assert.ok(listed.kind === 'images');
      const { images } = await inspect(place);
      assert.deepEqual(
        images.map(({ name, digest }) => [name, digest]),
        listed.images.map(({ name, digest }) => [name, digest]),
      );
      return new Map(listed.images.map(({ name, digest }) => [name, digest]));
    }

    const readBoth = async (files: Files): Promise<Map<string, string | undefined>> => {
      const [tar, directory] = [await readIn('tar', files), await readIn('directory', files)];
      assert.deepEqual(directory, tar);
      return tar;
    };

    it('is sound with the names of one image in any spelling', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(good),
        ...index(
          entryCalled(good, { ref: 'docker.io/library/app' }),
          entryCalled(good, { ref: 'app:latest' }),
        ),
        ...manifest(item(good, 'app', 'app:latest', 'index.docker.io/app:latest')),
      });
      assert.equal(found.get('docker.io/library/app:latest'), good.manifest.descriptor.digest);
    });

    it('is sound with the ref.name of other tools beside the full name: a tag, a digest, the name without its host', async () => {
      const digest = good.manifest.descriptor.digest;
      const full = `reg.test/org/app@${digest}`;
      for (const ref of ['', digest, `@${digest}`, `org/app@${digest}`, full]) {
        const files = { ...VERSION, ...blobs(good), ...index(entryCalled(good, { full, ref })) };
        assert.deepEqual([...(await readIn('tar', files)).keys()], [full], ref);
      }
      for (const [name, ref] of [
        ['reg.test:5000/org/app:1', '1'],
        ['reg.test:5000/org/app:1', 'org/app:1'],
        ['reg.test/org/app', 'latest'],
        ['app:1', 'docker.io/library/app:1'],
        ['reg.test/org/App:1', '1'],
        ['any text', 'any text'],
      ] as const) {
        const files = { ...VERSION, ...blobs(good), ...index(entryCalled(good, { full: name, ref })) };
        assert.equal((await readIn('tar', files)).size, 1, `${name} and ${ref}`);
      }
    });

    it('has the name of ref.name where the full name is empty', async () => {
      const files = { ...VERSION, ...blobs(good), ...index(entryCalled(good, { full: '', ref: ONE })) };
      assert.deepEqual([...(await readBoth(files)).keys()], [ONE]);
    });

    it('is sound where Docker’s image is a child of the index, whichever', async () => {
      for (const child of [good, arm]) {
        const found = await readBoth({
          ...VERSION,
          ...blobs(both),
          ...index(entry(both, ONE)),
          ...manifest(item(child, 'app:1')),
        });
        assert.deepEqual([...found], [[ONE, both.manifest.descriptor.digest]]);
      }
    });

    it('is sound where one has the layers compressed and the other plain, and both are verified', async () => {
      const files = {
        ...VERSION,
        ...blobs(good),
        ...plainFiles(good),
        ...index(entry(good, ONE)),
        ...manifest(plainItem(good, 'app:1')),
      };
      assert.deepEqual([...(await readBoth(files))], [[ONE, good.manifest.descriptor.digest]]);
      const { notes } = await verify(path('tar'));
      assert.deepEqual(notes, []);
    });

    it('shows what manifest.json has alone under its name, verifies it, and says so', async () => {
      const files = {
        ...VERSION,
        ...blobs(good),
        ...plainFiles(evil),
        ...index(entry(good, ONE)),
        ...manifest(item(good, 'app:1'), plainItem(evil, 'app:2')),
      };
      const found = await readBoth(files);
      assert.deepEqual([...found.keys()].sort(), [ONE, 'docker.io/library/app:2']);
      const { notes, checked } = await verify(path('tar'));
      assert.equal(checked.diffIDs, good.layers.length + evil.layers.length);
      assert.deepEqual(
        notes.map(({ code, message }) => `${code} ${message}`),
        ['ODD_ARCHIVE docker.io/library/app:2 is only in manifest.json: readers of index.json do not see it'],
      );
    });

    it('is sound where manifest.json has more images without names than the index, among them those of the index', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(good, arm),
        ...plainFiles(evil),
        ...index(entryCalled(good, {}), entryCalled(arm, { ref: 'only-here' })),
        ...manifest(item(good), plainItem(evil), item(arm)),
      });
      assert.equal(found.size, 3);
    });

    it('is sound where each list has a name of its own beside one of both', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(good, arm),
        ...plainFiles(evil),
        ...index(entry(good, ONE), entry(arm, 'reg.test/arm:1')),
        ...manifest(item(good, 'app:1'), plainItem(evil, 'app:2')),
      });
      assert.deepEqual([...found.keys()].sort(), [ONE, 'docker.io/library/app:2', 'reg.test/arm:1']);
    });

    it('is sound where an entry has a tag alone, and manifest.json the same image under a full name', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(good, evil),
        ...index(entryCalled(good, { ref: '1' })),
        ...manifest(item(good, 'app:1'), item(evil, 'other:1')),
      });
      assert.equal(found.get(ONE), good.manifest.descriptor.digest);
    });

    it('is sound where manifest.json has the tag of a name with a digest, which it has no room for', async () => {
      const { digest } = good.manifest.descriptor;
      const found = await readBoth({
        ...VERSION,
        ...blobs(good),
        ...index(entryCalled(good, { full: `${ONE}@${digest}`, ref: `${ONE}@${digest}` })),
        ...manifest(item(good, 'app:1')),
      });
      assert.deepEqual([...found.keys()], [`${ONE}@${digest}`]);
    });

    it('is sound with the folders of Docker before 1.10, with layers of their own or links', async () => {
      for (const isLinked of [true, false]) {
        const { files, id } = folders(good, { isLinked });
        const archive = {
          ...plainFiles(good),
          ...files,
          ...manifest(plainItem(good, 'app:1')),
          ...repositories({ app: { 1: id }, '<none>': { '<none>': id } }),
        };
        assert.deepEqual([...(await readIn('tar', archive)).keys()], [ONE]);
      }
    });

    it('is sound with folders whose JSON leaves out empty members of the config, or all of it', async () => {
      const { config } = JSON.parse(good.config.bytes.toString());
      for (const json of [{ config: { User: '', Volumes: null, ...config } }, { config: undefined }]) {
        const { files, id } = folders(good, { json });
        const archive = {
          ...plainFiles(good),
          ...files,
          ...manifest(plainItem(good, 'app:1')),
          ...repositories({ app: { 1: id } }),
        };
        assert.deepEqual([...(await readBoth(archive)).keys()], [ONE]);
      }
    });

    it('is sound with the topmost layer in repositories, as Docker 25 has it, compressed or not', async () => {
      const top = good.layers.at(-1);
      assert.ok(top);
      const plain = plainItem(good).Layers.at(-1)?.replace('.tar', '');
      for (const id of [blobOf(top.descriptor).slice(-64), plain ?? '']) {
        const found = await readBoth({
          ...VERSION,
          ...blobs(good),
          ...index(entry(good, ONE)),
          ...manifest(item(good, 'app:1')),
          ...repositories({ app: { 1: id } }),
        });
        assert.deepEqual([...found.keys()], [ONE]);
      }
    });

    it('is a layout with folders and files of other purposes', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(good),
        ...index(entry(good, ONE)),
        'docs/json': 'about JSON',
        'manifest.json': '{"name":"an application of the web"}',
        version: '7',
        repositories: 'of the team',
      });
      assert.deepEqual([...found.keys()], [ONE]);
    });

    it('is sound as a layout that is a folder of skopeo’s at once, with one of its manifests', async () => {
      const found = await readBoth({
        ...VERSION,
        ...blobs(both),
        ...index(entry(both, ONE)),
        version: 'Directory Transport Version: 1.1\n',
        'manifest.json': good.manifest.bytes,
      });
      assert.deepEqual([...found.keys()], [ONE]);
    });

    it('is sound with an index beside the folders of Docker before 1.10 alone', async () => {
      const { files, id } = folders(good);
      const found = await readBoth({
        ...VERSION,
        ...blobs(good),
        ...index(entry(good, ONE)),
        ...files,
        ...repositories({ app: { 1: id } }),
      });
      assert.deepEqual([...found.keys()], [ONE]);
    });
  });

  it('says that an index has plain layers in another order than the config, and carries the right one', async () => {
    const plain = good.layers.map(({ bytes }) => contentOf(MEDIA_TYPE.ociLayerTar, gunzipSync(bytes)));
    const manifestOf = (layers: readonly Content[]): Content =>
      jsonContent(MEDIA_TYPE.ociManifest, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociManifest,
        config: good.config.descriptor,
        layers: layers.map(({ descriptor }) => descriptor),
      });
    const wrong = manifestOf(plain.toReversed());
    const place = await writeForm(path('in.tar'), 'tar', {
      ...VERSION,
      ...blobs({ all: [good.config, ...plain, wrong] }),
      ...index(entry({ manifest: wrong, all: [] }, ONE)),
      ...manifest(item({ config: good.config, layers: plain }, 'app:1')),
    });
    const [found, ...others] = await foundIn(place);
    assert.deepEqual(others, []);
    assert.match(found ?? '', /app:1 has its layers in another order in index\.json than its config/);
    const { images } = await inspect(place);
    assert.deepEqual(
      images[0]?.platforms[0]?.layers.map(({ digest }) => digest),
      plain.map(({ descriptor }) => descriptor.digest),
    );
  });

  describe('whose index leaves something out on purpose', () => {
    /** An entry of the index of both, which is said to lack these. */
    const lacking = (...absent: readonly Content[]): Descriptor => {
      const named = entry(both, ONE);
      const note = absent.map(({ descriptor }) => descriptor.digest).join(',');
      return { ...named, annotations: { ...named.annotations, [ANNOTATION.absent]: note } };
    };
    const itself = (): Files => ({ ...VERSION, ...blobs({ all: [both.manifest] }) });

    it('is sound where that is not there, and Docker’s image is another child', async () => {
      const files = {
        ...itself(),
        ...blobs(good),
        ...index(lacking(arm.manifest)),
        ...manifest(item(good, 'app:1')),
      };
      const place = await writeForm(path('in.tar'), 'tar', files);
      assert.deepEqual(await foundIn(place), []);
      const { images } = await inspect(place);
      assert.deepEqual(images[0]?.absent, [arm.manifest.descriptor.digest]);
    });

    it('is shown and verified whole where that is there, since engines run it', async () => {
      const { [blobOf(arm.config.descriptor)]: _, ...others } = blobs(arm);
      const all = { ...itself(), ...blobs(good, arm), ...index(lacking(arm.manifest)) };
      const place = await writeForm(path('in.tar'), 'tar', { ...all, ...manifest(item(arm, 'app:1')) });
      assert.deepEqual(await foundIn(place), []);
      const { images } = await inspect(place);
      assert.deepEqual([images[0]?.absent, images[0]?.platforms.length], [[], 2]);
      const damaged = { ...itself(), ...blobs(good), ...others, ...index(lacking(arm.manifest)) };
      const [found] = await foundIn(await writeForm(path('damaged.tar'), 'tar', damaged));
      assert.match(found ?? '', new RegExp(`MISSING_CONTENT ${arm.config.descriptor.digest}`));
    });

    it('is not left without its config or its layers by that, nor is another entry', async () => {
      for (const content of [good.config, ...good.layers]) {
        const { [blobOf(content.descriptor)]: _, ...others } = blobs(good);
        const files = { ...itself(), ...others, ...index(lacking(arm.manifest, content)) };
        const [found] = await foundIn(await writeForm(path('in.tar'), 'tar', files));
        assert.match(found ?? '', new RegExp(`MISSING_CONTENT ${content.descriptor.digest}`));
      }
      const files = {
        ...itself(),
        ...blobs(good),
        ...index(lacking(arm.manifest), entry(arm, 'reg.test/b:1')),
      };
      const [found] = await foundIn(await writeForm(path('in.tar'), 'tar', files));
      assert.match(
        found ?? '',
        new RegExp(`MISSING_CONTENT ${arm.manifest.descriptor.digest} .*reg.test/b:1`),
      );
    });
  });
});
