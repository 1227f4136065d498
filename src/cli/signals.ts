import { LadingError } from '../index.js';
import { EXIT } from './exit-codes.js';

/** Runs `task` with a signal that SIGINT and SIGTERM abort; a second one ends the process at once. */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted);
    controller.abort(
      new LadingError('ABORTED', 'interrupted', {
        cause: signal,
        hint: 'Run the same command again; it continues where it stopped.',
      }),
    );
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await task(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
