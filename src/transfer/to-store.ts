import { delegate } from '../store/delegate.js';
import type { Store } from '../store/store.js';
import type { Destination } from './destination.js';
import { isLeftOut, nameAfter, nameApart } from './distinct-names.js';
import { surveyFiles } from './files/survey-files.js';
import { writeFiles } from './files/write-files.js';

/** Writes to the caller's own store, which stays open. An existing name is moved to the new image. */
export function toStore(store: Store): Destination & { format: 'store' } {
  const { location } = store;
  const output = {
    location,
    format: 'store' as const,
    previous: undefined,
    isMadeOf: async () => false,
    canLeaveOut: true,
    openStore: async () => delegate(store, { close: async () => undefined }),
  };
  return {
    location,
    format: 'store',
    previous: undefined,
    check: (images, { onEvent } = {}) => nameApart(images, onEvent),
    nameOf: (image, placed) => (isLeftOut(image, placed) ? undefined : nameAfter(image, placed)),
    write: (images, options) => writeFiles(output, images, options),
    survey: (images, options) => surveyFiles({ ...output, previous: store }, images, options),
    close: async () => undefined,
  };
}
