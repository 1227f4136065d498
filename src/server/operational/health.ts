/**
 * A store that does not answer within this time (a network disk that hangs) counts as unreadable. It is less than probes
 * wait for: 5 s in the Deployment that the command line prints, and 3 s in the documented configuration of haproxy.
 */
export const MAX_WAIT_MS = 1900;

export interface Health {
  healthy: boolean;
  /** A text for the operator. */
  text: string;
}

/** Returns whether requests can be answered now. `checkStore` rejects if the content cannot be read. */
export async function checkHealth(
  { draining, checkStore }: { draining: boolean; checkStore: (() => Promise<void>) | undefined },
  maxWaitMs = MAX_WAIT_MS,
): Promise<Health> {
  if (draining) return { healthy: false, text: 'draining' };
  const readable = await fulfilsWithin(maxWaitMs, Promise.resolve(checkStore?.()));
  return readable ? { healthy: true, text: 'ok' } : { healthy: false, text: 'the store cannot be read' };
}

async function fulfilsWithin(limitMs: number, promise: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  const fulfilled = promise.then(
    () => true,
    () => false, // the reason is in the log of the requests that fail
  );
  try {
    return await Promise.race([fulfilled, late]);
  } finally {
    clearTimeout(timer);
  }
}
