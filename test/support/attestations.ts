import { type MadeImage, makeImage } from './images.js';

/** Makes the attestation of an image, as BuildKit puts it beside the image into the index. */
export async function attestationOf(image: MadeImage): Promise<MadeImage> {
  const seed = `attestation of ${image.manifest.descriptor.digest}`;
  return makeImage({ seed, layers: [50], platform: { os: 'unknown', architecture: 'unknown' } });
}

/** Returns the entry of an attestation in an index. */
export function attestationEntry(attestation: MadeImage, image: MadeImage): object {
  return {
    ...attestation.manifest.descriptor,
    platform: attestation.platform,
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.manifest.descriptor.digest,
    },
  };
}
