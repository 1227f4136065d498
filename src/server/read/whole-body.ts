import type { Descriptor } from '../../content/descriptor.js';
import type { Verifier } from '../../content/verify.js';
import type { ContentBody } from '../answer.js';
import type { OpenedBlob } from './verified-content.js';

/** Returns a body with the whole content. Its verifier is known only after the content is opened. */
export function wholeBody({ size }: Descriptor, openContent: () => Promise<OpenedBlob>): ContentBody {
  let verifier: Verifier | undefined;
  return {
    size,
    endsEarly: false,
    async open() {
      const opened = await openContent();
      verifier = opened.verifier;
      return opened.source;
    },
    get verifier() {
      return verifier;
    },
  };
}
