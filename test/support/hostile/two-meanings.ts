import type { ErrorCode } from '../../../src/errors.js';
import type { Files } from '../docker-archives.js';
import { type MadeImage, type MadeIndex, makeImage, makeIndex } from '../images.js';

/** The images that a name may mean. */
export interface Images {
  good: MadeImage;
  evil: MadeImage;
  /** Of another platform than `good`. */
  arm: MadeImage;
  /** Of `good` and `arm`. */
  both: MadeIndex;
}

/** Files that mean one image to some readers and another to others. */
export interface TwoMeanings {
  name: string;
  what: string;
  /** What the finding says: the name of the image, and where it means what. */
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
