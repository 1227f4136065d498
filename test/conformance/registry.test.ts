import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Serving, save, serve } from '../../src/index.js';
import { startRegistry } from '../operations/registry.js';
import { type MadeImage, makeImage, makeReferrer } from '../support/images.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { buildSuite, type Case, runSuite, WORKFLOWS, type Workflow } from './suite.js';

const ALL = {
  OCI_TEST_PULL: '1',
  OCI_TEST_PUSH: '1',
  OCI_TEST_CONTENT_DISCOVERY: '1',
  OCI_TEST_CONTENT_MANAGEMENT: '1',
};

describe('the conformance suite of the distribution specification', () => {
  let program: string;
  before(async function () {
    program = await buildSuite(this);
  });

  describe('on a layout that takes pushes', () => {
    /** Skipped are only cases for registries that cannot mount, and the setup of read-only runs. */
    const PASSED = { Pull: 24, Push: 27, 'Content Discovery': 14, 'Content Management': 10 };
    let serving: Serving;
    let cases: Case[];
    before(async () => {
      serving = await serve(join(await temporaryFolder('pushed'), 'layout'), { port: 0, writable: true });
      cases = await runSuite(program, {
        ...ALL,
        OCI_ROOT_URL: `http://127.0.0.1:${serving.port}`,
        OCI_NAMESPACE: 'conformance/repository',
        OCI_CROSSMOUNT_NAMESPACE: 'conformance/other',
        OCI_AUTOMATIC_CROSSMOUNT: '1',
      });
    });
    after(() => serving?.close());

    for (const workflow of WORKFLOWS)
      it(`passes ${workflow}`, () => assertPassed(cases, workflow, PASSED[workflow]));
  });

  describe('on an archive, read only', () => {
    /** No more is asked of a registry that takes nothing. */
    const PASSED = { Pull: 14, 'Content Discovery': 7 };
    const REPOSITORY = 'conformance/image';
    const TAGS = ['1', '1.0', '1.0.1', 'latest'];
    let serving: Serving;
    let cases: Case[];
    before(async () => {
      const { archive, image } = await saveImage(REPOSITORY, TAGS);
      serving = await serve(archive, { port: 0 });
      cases = await runSuite(program, {
        OCI_TEST_PULL: '1',
        OCI_TEST_CONTENT_DISCOVERY: '1',
        OCI_ROOT_URL: `http://127.0.0.1:${serving.port}`,
        OCI_NAMESPACE: REPOSITORY,
        OCI_TAG_NAME: 'latest',
        OCI_MANIFEST_DIGEST: image.manifest.descriptor.digest,
        OCI_BLOB_DIGEST: image.config.descriptor.digest,
        OCI_TAG_LIST: TAGS.join(','),
      });
    });
    after(() => serving?.close());

    for (const workflow of ['Pull', 'Content Discovery'] as const)
      it(`passes ${workflow}`, () => assertPassed(cases, workflow, PASSED[workflow]));
  });
});

/** The suite wants to find the referrers that it pushes in other runs: five, two of them of this type. */
const FILTERED_TYPE = 'application/vnd.nhl.peanut.butter.bagel';
const REFERRER_TYPES = [
  FILTERED_TYPE,
  FILTERED_TYPE,
  ...['a', 'b', 'c'].map((name) => `application/x.${name}`),
];

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
function assertPassed(cases: Case[], workflow: Workflow, expected: number): void {
  const own = cases.filter((one) => one.workflow === workflow);
  const [passed, skipped, failed] = (['passed', 'skipped', 'failed'] as const).map((state) =>
    own.filter((one) => one.state === state),
  );
  console.log(
    `        ${workflow}: ${passed?.length} passed, ${skipped?.length} skipped, ${failed?.length} failed`,
  );
  assert.deepEqual(
    failed?.map(({ title, message }) => `${title}: ${message}`),
    [],
  );
  assert.ok((passed?.length ?? 0) >= expected, `only ${passed?.length} cases passed, not ${expected}`);
}
