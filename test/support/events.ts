import type { OnCopyEvent } from '../../src/events.js';

/** Collects the messages of warnings. */
export function warningsInto(warnings: string[]): OnCopyEvent {
  return (event) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
}
