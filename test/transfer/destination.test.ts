import assert from 'node:assert/strict';
import type { Digest } from '../../src/content/digest.js';
import { formatReference } from '../../src/content/reference.js';
import type { CopyEvent } from '../../src/events.js';
import type { Remedy } from '../../src/remedy.js';
import type { CheckRules } from '../../src/transfer/destination.js';
import { nameApart } from '../../src/transfer/distinct-names.js';
import { fitDockerArchive } from '../../src/transfer/files/fit-docker-archive.js';
import type { ImageTrees } from '../../src/transfer/plan.js';
import { readImages } from '../../src/transfer/read-images.js';
import type { ImageToPush } from '../../src/transfer/registry/registry-names.js';
import { nameInRegistry } from '../../src/transfer/registry/registry-names.js';
import { toRegistry } from '../../src/transfer/registry/to-registry.js';
import { storeOf } from '../support/archives.js';
import { type MadeImage, makeImage, makeIndex, makeReferrer, pushAll } from '../support/images.js';

describe('what arrives at a destination', () => {
  let a: MadeImage;
  let b: MadeImage;
  let warnings: string[];
  let remedies: (Remedy | undefined)[];
  before(async () => {
    a = await makeImage({ seed: 'a' });
    b = await makeImage({ seed: 'b', platform: { os: 'linux', architecture: 'arm64' } });
  });
  beforeEach(() => {
    warnings = [];
    remedies = [];
  });
  const onEvent = (event: CopyEvent): void => {
    if (event.type !== 'warning') return;
    warnings.push(event.message);
    remedies.push(event.remedy);
  };
  const digestOf = ({ manifest }: MadeImage) => manifest.descriptor.digest;

  const images = async (...named: [name: string, image: MadeImage][]): Promise<ImageTrees[]> => {
    const requests = await Promise.all(
      named.map(async ([name, image]) => ({
        source: await storeOf({ x: image }),
        reference: 'x',
        name,
      })),
    );
    return (await readImages(requests)).images;
  };
  const namesOf = (trees: readonly ImageTrees[]): string[] => trees.map(({ name }) => name);

  describe('in files', () => {
    it('is kept under a name of its own where two have one name: the second by its digest, and that is told', async () => {
      const [first, second] = ['docker.io/library/app:1', `docker.io/library/app@${digestOf(b)}`];
      for (const name of [
        'docker.io/library/app:1',
        'app:1',
        'library/app:1',
        'index.docker.io/library/app:1',
      ]) {
        warnings = [];
        assert.deepEqual(namesOf(nameApart(await images([first, a], [name, b]), onEvent)), [first, second]);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0] ?? '', new RegExp(`${digestOf(a)} and ${digestOf(b)}.*${second}`));
      }
    });

    it('keeps names that only look alike, and one that was asked for twice once', async () => {
      const names = ['app:1', 'app:2', 'reg.test/app:1', 'app', 'app:latest'];
      const named = await images(...names.map((name): [string, MadeImage] => [name, a]), ['app:1', a]);
      assert.deepEqual(namesOf(nameApart(named, onEvent)), names);
      assert.deepEqual(warnings, []);
    });

    it('has no name with the digest of something else', async () => {
      const named = await images(
        [`reg.test/app@${digestOf(a)}`, b],
        [`reg.test/app:1@${digestOf(a)}`, b],
        ['x', b],
      );
      assert.deepEqual(namesOf(nameApart(named, onEvent)), [
        `reg.test/app@${digestOf(b)}`,
        `reg.test/app:1@${digestOf(b)}`,
        'x',
      ]);
      assert.equal(warnings.length, 2);
    });
  });

  it('loses nothing to a docker-archive without a word: platforms, attachments, names without a tag', async () => {
    const index = makeIndex([a, b]);
    const note = makeReferrer(a.manifest.descriptor, { artifactType: 'text/x-sbom', payload: 'sbom' });
    const store = await storeOf({ 'reg.test/app:1': index, [`reg.test/app@${digestOf(a)}`]: a });
    await pushAll(store, note.all);
    const requests = ['reg.test/app:1', `reg.test/app@${digestOf(a)}`].map((name) => ({
      source: store,
      reference: name,
      name,
    }));
    const fitted = fitDockerArchive((await readImages(requests, { index: 'single' })).images, onEvent);
    assert.deepEqual(
      fitted.map(({ attached }) => attached.length),
      [0, 0],
    );
    assert.equal(
      warnings.filter((line) => /can hold only linux\/amd64 of it; left out: linux\/arm64/.test(line)).length,
      1,
    );
    assert.equal(warnings.filter((line) => /attachment/.test(line)).length, 2);
    assert.equal(warnings.filter((line) => /has no name in it/.test(line)).length, 1);
    warnings = [];
    const chosen = await readImages(requests.slice(0, 1), {
      index: 'single',
      platforms: [b.platform],
      referrers: false,
    });
    fitDockerArchive(chosen.images, onEvent);
    assert.deepEqual(warnings, [], 'what was chosen is not left out');
  });

  it('leaves what is no image out of a docker-archive, and says so; of nothing else none is made', async () => {
    const chart = makeReferrer(a.manifest.descriptor, { artifactType: 'text/x-chart', payload: 'chart' });
    const store = await storeOf({ 'reg.test/app:1': a, 'reg.test/chart:1': chart });
    const requests = ['reg.test/app:1', 'reg.test/chart:1'].map((name) => ({
      source: store,
      reference: name,
      name,
    }));
    const { images: both } = await readImages(requests, { index: 'single', referrers: false });
    assert.deepEqual(namesOf(fitDockerArchive(both, onEvent)), ['reg.test/app:1']);
    assert.deepEqual(warnings, [
      'reg.test/chart:1 is not an image but an artifact: a docker-archive has no room for it; left out',
    ]);
    assert.throws(() => fitDockerArchive(both.slice(1), onEvent), {
      code: 'UNSUPPORTED',
      message: 'reg.test/chart:1 is not an image but an artifact: a docker-archive has no room for it',
      hint: 'An archive of another format (universal) or a layout keeps it.',
      remedy: 'format',
      remedyFor: 'universal',
    });
  });

  describe('in a registry', () => {
    const at = (image: ImageTrees | undefined, repository: string, tag?: string): ImageToPush => {
      assert.ok(image);
      return { image, destination: { registry: 'reg.test', repository, ...(tag !== undefined && { tag }) } };
    };
    /** What `check` makes of images that get these names. */
    const check = (placed: ImageToPush[], rules?: CheckRules, tagDigests = false): ImageToPush[] =>
      toRegistry('reg.test', {}, { name: () => placed, wayOut: { hint: 'Choose.' }, tagDigests }).check(
        placed.map(({ image }) => image),
        rules,
      );

    it('is refused where two images would get one name, and not where they are the same', async () => {
      const [one, other, same] = await images(['x/app:1', a], ['y/app:1', b], ['z/app:1', a]);
      assert.throws(() => check([at(one, 'app', '1'), at(other, 'app', '1')]), {
        code: 'USAGE',
        message: 'x/app:1 and y/app:1 would both become reg.test/app:1',
        hint: 'Choose.',
      });
      check([at(one, 'app', '1'), at(same, 'app', '1'), at(other, 'app', '2'), at(other, 'other', '1')], {
        onEvent,
      });
      assert.deepEqual(warnings, []);
    });

    it('is told where it has no tag, or gets one that is no attachment', async () => {
      const [one] = await images([`app@${digestOf(b)}`, a]);
      const [untagged] = check([at(one, 'app')], { onEvent });
      assert.equal(
        untagged && formatReference(untagged.destination),
        `reg.test/app@${digestOf(a)}`,
        'its own',
      );
      assert.match(warnings.join(), /has no tag.*not listed.*may collect it$/);
      assert.deepEqual(remedies, ['tagDigests']);
      warnings = [];
      const [tagged] = check([at(one, 'app')], { onEvent }, true);
      assert.equal(tagged?.destination.tag, digestOf(a).replace(':', '-').slice(0, 19));
      assert.deepEqual(warnings, []);
    });

    it('does not get a digest that is not its own', async () => {
      const named = await images(['reg.test/x/app:1', a]);
      const at_ = (digest: Digest) => ({ registry: 'reg.test', repository: 'zz', digest });
      const [own] = nameInRegistry(named, { kind: 'docker', reference: at_(digestOf(a)) });
      assert.equal(own?.destination.digest, digestOf(a));
      assert.throws(() => nameInRegistry(named, { kind: 'docker', reference: at_(digestOf(b)) }), {
        code: 'USAGE',
        message: `reg.test/x/app:1 has the digest ${digestOf(a)}, so it cannot be reg.test/zz@${digestOf(b)}`,
      });
    });

    it('is not put into one repository with images of others, whatever their tags', async () => {
      const reference = { registry: 'reg.test', repository: 'zz' };
      for (const other of ['reg.test/y/app:1', 'reg.test/y/app:2'])
        await assert.rejects(
          async () =>
            nameInRegistry(await images(['reg.test/x/app:1', a], [other, b]), { kind: 'docker', reference }),
          {
            code: 'USAGE',
            message: /from 2 repositories/,
            hint: /docker:\/\/reg\.test\/zz\/ with the slash/,
          },
        );
    });
  });
});
