import type { Attachment, ListedImage } from '../index.js';
import type { Shape } from './shape.js';

/** The shapes of the documents that `--format` prints: each member of the library's results. */

const ATTACHMENT = {
  digest: 'text',
  subject: 'text',
  kind: 'text',
  artifactType: 'text',
  tag: 'text',
  size: 'bytes',
} as const satisfies Record<keyof Attachment, Shape>;

export const LISTED_IMAGE: Shape = {
  members: {
    name: 'text',
    digest: 'text',
    mediaType: 'text',
    platforms: { each: 'text' },
    artifactType: 'text',
    size: 'bytes',
    attachments: { each: { members: ATTACHMENT } },
    isBlob: 'flag',
    problem: 'text',
  } satisfies Record<keyof ListedImage, Shape>,
};

export const LISTED_TAG: Shape = { members: { name: 'text', repository: 'text', tag: 'text' } };
export const LISTED_REPOSITORY: Shape = { members: { name: 'text', registry: 'text', repository: 'text' } };
