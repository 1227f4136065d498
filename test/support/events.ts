import type { OnCopyEvent } from '../../src/events.js';

/** Collects the texts of warnings. */
export function warningsInto(warnings: string[]): OnCopyEvent {
  return (event) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
}
