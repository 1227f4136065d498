import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type ServeOptions, type Serving, save, serve } from '../../src/index.js';
import { startRegistry } from '../operations/registry.js';
import { type MadeImage, makeImage, makeReferrer } from '../support/images.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { buildSuite, type Case, EVERY_OPTION, runSuite } from './suite.js';

describe('the conformance suite of the distribution specification', () => {
  let program: string;
  let serving: Serving | undefined;
  before(async function () {
    program = await buildSuite(this);
  });
  afterEach(async () => {
    await serving?.close();
    serving = undefined;
  });

  const serveLayout = async (name: string, options: ServeOptions = {}): Promise<number> => {
    const layout = join(await temporaryFolder(name), 'layout');
    serving = await serve(layout, { port: 0, writable: true, ...options });
    return serving.port;
  };

  it('passes with every option on a layout that takes pushes, and sparse indexes', async () => {
    const port = await serveLayout('sparse', { push: { allowSparse: true } });
    const cases = await runSuite(program, { port, ...EVERY_OPTION, OCI_DATA_SPARSE: 'true' });
    assertPassed(cases, 982);
  });

  it('passes with every option on a layout that takes pushes, but for sparse images', async () => {
    const port = await serveLayout('pushed');
    const cases = await runSuite(program, { port, ...EVERY_OPTION, OCI_DATA_SPARSE: 'true' });
    // The group, and so the whole, has failed where a part of it has.
    const isOfSparse = ({ name }: Case) => name === '' || name.split('/')[0] === 'sparse';
    assertPassed(
      cases.filter((each) => !isOfSparse(each)),
      939,
    );
  });

  it('passes what is asked of a registry that takes nothing, on an archive', async () => {
    const { archive, image } = await saveImage(REPOSITORY, TAGS);
    serving = await serve(archive, { port: 0 });
    const { digest } = image.manifest.descriptor;
    const cases = await runSuite(program, {
      port: serving.port, // without the options for digest headers, which the suite misses here where they are
      OCI_API_PUSH: 'false',
      OCI_API_BLOBS_DELETE: 'false',
      OCI_API_MANIFESTS_DELETE: 'false',
      OCI_API_TAGS_DELETE: 'false',
      OCI_REPO1: REPOSITORY,
      OCI_RO_DATA_TAGS: TAGS.join(' '),
      OCI_RO_DATA_MANIFESTS: digest,
      OCI_RO_DATA_BLOBS: [...image.layers, image.config].map(({ descriptor }) => descriptor.digest).join(' '),
      OCI_RO_DATA_REFERRERS: digest,
    });
    assertPassed(cases, 31);
  });
});

const REPOSITORY = 'conformance/image';
const TAGS = ['1', '1.0', '1.0.1', 'latest'];
const REFERRER_TYPES = ['a', 'b', 'c'].map((name) => `application/x.${name}`);

/** An image of several tags, with referrers, as `save` brings it from a registry into an archive. */
async function saveImage(repository: string, tags: string[]): Promise<{ archive: string; image: MadeImage }> {
  const image = await makeImage({ seed: 'conformance' });
  const registry = await startRegistry();
  try {
    for (const tag of tags) await registry.put(`${repository}:${tag}`, image);
    for (const [position, artifactType] of REFERRER_TYPES.entries()) {
      const referrer = makeReferrer(image.manifest.descriptor, { artifactType, payload: `${position}` });
      await registry.put(`${repository}:referrer-${position}`, referrer);
    }
    const archive = join(await temporaryFolder('archive'), 'image.tar');
    await save({ images: tags.map((tag) => `${registry.name}/${repository}:${tag}`), output: archive });
    return { archive, image };
  } finally {
    await registry.close();
  }
}

/** At least so many passed, so that a run in which nothing happened is none. */
function assertPassed(cases: Case[], expected: number): void {
  const [passed, skipped, failed] = (['passed', 'skipped', 'failed'] as const).map((state) =>
    cases.filter((one) => one.state === state),
  );
  console.log(`        ${passed?.length} passed, ${skipped?.length} skipped, ${failed?.length} failed`);
  assert.deepEqual(
    failed?.map(({ name, message }) => `${name}: ${message}`),
    [],
  );
  assert.ok((passed?.length ?? 0) >= expected, `only ${passed?.length} cases passed, not ${expected}`);
}
