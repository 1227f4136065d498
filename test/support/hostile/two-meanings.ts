import type { ErrorCode } from '../../../src/errors.js';
import type { Files } from '../docker-archives.js';
import { type MadeImage, type MadeIndex, makeImage, makeIndex } from '../images.js';

/** The images that a name can refer to. */
export interface Images {
  good: MadeImage;
  evil: MadeImage;
  /** An image for another platform than `good`. */
  arm: MadeImage;
  /** An index of `good` and `arm`. */
  both: MadeIndex;
}

/** Files from which different tools read different images. */
export interface TwoMeanings {
  name: string;
  what: string;
  /** Matches the message of the finding: the name of the image, and what it refers to in each list. */
  says: RegExp;
  code?: ErrorCode;
  files(images: Images): Files | Promise<Files>;
}

export const ONE = 'docker.io/library/app:1';
export const TWO = 'docker.io/library/app:2';

export async function makeImages(): Promise<Images> {
  const good = await makeImage({ seed: 'good' });
  const arm = await makeImage({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } });
  return { good, evil: await makeImage({ seed: 'evil' }), arm, both: makeIndex([good, arm]) };
}
