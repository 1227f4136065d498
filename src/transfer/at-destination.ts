import type { Descriptor } from '../content/descriptor.js';
import { type ErrorCode, isLadingError, RegistryError } from '../errors.js';
import { has, type OpenContent, type PushOptions, type Store } from '../store/store.js';

/** Failures of a destination that would have met any other content as well. */
const OF_ALL: readonly ErrorCode[] = [
  'UNREACHABLE',
  'TIMEOUT',
  'TOO_MANY_REQUESTS',
  'UNAUTHORIZED',
  'DENIED',
  'NOT_FOUND',
  'NO_SPACE',
];

/** Whether an error is that of the destination. Where a copy joins a push that was begun earlier, that one knows it. */
const failures = new WeakMap<object, boolean>();

/** True if the destination as a whole has failed or refused, so that no image of it is to be named. */
export function isOfDestination(error: unknown): boolean {
  return error instanceof RegistryError && failures.get(error) === true && isLadingError(error, ...OF_ALL);
}

/** Asks a destination whether it has content, as `has` does. */
export async function hasAlready(
  destination: Store,
  descriptor: Descriptor,
  options: Parameters<typeof has>[2],
): Promise<boolean> {
  try {
    return await has(destination, descriptor, options);
  } catch (error) {
    judge(error, true);
    throw error;
  }
}

/** Sends content to a destination. An error counts as that of the destination unless its source has failed. */
export async function pushTo(
  destination: Store,
  descriptor: Descriptor,
  open: OpenContent,
  options: PushOptions,
): Promise<void> {
  let hasSourceFailed = false;
  const failed = (): void => {
    hasSourceFailed = true;
  };
  const openWatched: OpenContent = async (asked) => {
    try {
      return (await open(asked)).once('error', failed);
    } catch (error) {
      failed();
      throw error;
    }
  };
  try {
    await destination.push(descriptor, openWatched, options);
  } catch (error) {
    judge(error, !hasSourceFailed);
    throw error;
  }
}

function judge(error: unknown, isOfDestination: boolean): void {
  if (error instanceof RegistryError && !failures.has(error)) failures.set(error, isOfDestination);
}
