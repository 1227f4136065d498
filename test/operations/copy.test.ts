import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { copyInto, storeOf } from '../support/archives.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';

describe('copy of many images', () => {
  const path = useFolder();
  let registry: UploadRegistry;
  let images: Record<string, MadeImage>;
  before(async () => {
    images = {
      'docker.io/library/app:1': await makeImage({ seed: 'app-1' }),
      'docker.io/library/app:2': await makeImage({ seed: 'app-2' }),
      'quay.io/team/db:1': await makeImage({ seed: 'db-1' }),
    };
  });
  beforeEach(async () => {
    registry = await startUploadRegistry();
  });
  afterEach(() => registry.close());

  const archive = async (names = Object.keys(images)): Promise<string> => {
    await copyInto(
      await openArchiveForWriting(path('in.tar'), { format: 'universal' }),
      await storeOf(images),
      names,
    );
    return path('in.tar');
  };

  it('keeps their paths in a registry, under a prefix where one is given', async () => {
    const source = await archive();
    for (const [destination, prefix] of [
      [`docker://${registry.host}`, ''],
      [`docker://${registry.host}/`, ''],
      [`docker://${registry.host}/mirror/`, 'mirror/'],
    ] as const) {
      const { images: copied } = await copyImages({ source, destination });
      assert.deepEqual(
        copied.map((image) => image.copied).sort(),
        ['library/app:1', 'library/app:2', 'team/db:1'].map((name) => `${registry.host}/${prefix}${name}`),
      );
      const { digest } = await registry.repository(`${prefix}team/db`).resolve('1');
      assert.equal(digest, images['quay.io/team/db:1']?.manifest.descriptor.digest);
    }
  });

  for (const output of ['layout/', 'out.tar'])
    it(`moves no name of ${output} that is there with noClobber`, async () => {
      const name = 'docker.io/library/app:1';
      await copyImages({ source: await archive(), destination: path(output) });
      const other = await makeImage({ seed: 'another' });
      const source = await storeOf({ [name]: other, 'quay.io/team/new:1': other });
      const options = { source, destination: path(output), select: [name] };
      await assert.rejects(copyImages({ ...options, noClobber: true }), {
        code: 'ALREADY_EXISTS',
        message: /^docker\.io\/library\/app:1 in .* already exists and is another image: sha256:/,
        remedy: 'omitNoClobber',
      });
      // Names that are not there, and those that stand for the same, are no reason to refuse.
      await copyImages({ ...options, select: ['quay.io/team/new:1'], noClobber: true });
      await copyImages({ source: path('in.tar'), destination: path(output), noClobber: true });
      await copyImages(options);
      const { images: held } = await inspect(path(output));
      const digest = other.manifest.descriptor.digest;
      assert.deepEqual(held.filter((image) => image.digest === digest).length, 2);
    });

  it('makes no file of a registry', async () => {
    const source = await archive();
    const before = process.cwd();
    process.chdir(path());
    try {
      for (const destination of [registry.host, `${registry.host}/app:1`])
        await assert.rejects(copyImages({ source, destination }), { code: 'USAGE', hint: /docker:\/\// });
      assert.deepEqual(await readdir(path()), ['in.tar']);
    } finally {
      process.chdir(before);
    }
  });
});
