import { LadingError } from '../errors.js';
import { isAttachmentTag } from './attached.js';

/** Returns the error of a name that may not move and stands for something else; `where` is the name and its place. */
export function nameTaken(where: string, tag: string | undefined, digest: string): LadingError {
  const isAttachment = tag !== undefined && isAttachmentTag(tag);
  return new LadingError(
    'ALREADY_EXISTS',
    `${where} already exists and is another ${isAttachment ? 'signature or attachment' : 'image'}: ${digest}`,
    isAttachment
      ? { hint: 'Let the tag move, or load the images alone.', remedy: 'omitNoClobberOfAttachment' }
      : { hint: 'Let the tag move, or load under another name.', remedy: 'omitNoClobber' },
  );
}

/** The same for a name as an archive, a layout or a bucket has it. */
export function nameTakenIn(location: string, name: string, digest: string): LadingError {
  return nameTaken(`${name} in ${location}`, name.slice(name.lastIndexOf(':') + 1), digest);
}
