import { join } from 'node:path';
import { save } from '../../src/index.js';
import { startRegistry } from '../operations/registry.js';
import { makeImage, makeReferrer } from '../support/images.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const REPOSITORY = 'conformance/image';
const TAGS = ['1', '1.0', '1.0.1', 'latest'];
const REFERRER_TYPES = ['a', 'b', 'c'].map((name) => `application/x.${name}`);

/** Cases of the suite that apply to a registry that takes nothing. */
export const PULLED_CASES = 31;

/**
 * Makes an image of several tags, with referrers, as `save` brings it from a registry into an archive. Resolves with the
 * settings with which the suite pulls it from a registry that takes nothing.
 */
export async function savePulledImage(): Promise<{ archive: string; settings: Record<string, string> }> {
  const image = await makeImage({ seed: 'conformance' });
  const registry = await startRegistry();
  try {
    for (const tag of TAGS) await registry.put(`${REPOSITORY}:${tag}`, image);
    for (const [position, artifactType] of REFERRER_TYPES.entries()) {
      const referrer = makeReferrer(image.manifest.descriptor, { artifactType, payload: `${position}` });
      await registry.put(`${REPOSITORY}:referrer-${position}`, referrer);
    }
    const archive = join(await temporaryFolder('archive'), 'image.tar');
    await save({ images: TAGS.map((tag) => `${registry.name}/${REPOSITORY}:${tag}`), output: archive });
    const { digest } = image.manifest.descriptor;
    const settings = {
      // Without the options for digest headers, which the suite misses here where they are.
      OCI_API_PUSH: 'false',
      OCI_API_BLOBS_DELETE: 'false',
      OCI_API_MANIFESTS_DELETE: 'false',
      OCI_API_TAGS_DELETE: 'false',
      OCI_REPO1: REPOSITORY,
      OCI_RO_DATA_TAGS: TAGS.join(' '),
      OCI_RO_DATA_MANIFESTS: digest,
      OCI_RO_DATA_BLOBS: [...image.layers, image.config].map(({ descriptor }) => descriptor.digest).join(' '),
      OCI_RO_DATA_REFERRERS: digest,
    };
    return { archive, settings };
  } finally {
    await registry.close();
  }
}
