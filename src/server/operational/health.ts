/** A store that does not answer for so long (a network disk that hangs) counts as gone. */
const MAX_WAIT_MS = 5000;

export interface Health {
  healthy: boolean;
  /** For the eyes of an operator. */
  text: string;
}

/** Whether requests can be answered now. `checkStore` rejects when the content cannot be read. */
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
    () => false, // what is wrong is in the log of the requests that fail for it
  );
  try {
    return await Promise.race([fulfilled, late]);
  } finally {
    clearTimeout(timer);
  }
}
