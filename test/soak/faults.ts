import type { Random } from '../fuzz/mutate.js';
import type { Fault, FaultProxy } from '../support/fault-proxy.js';

/** One request in so many goes wrong: retries are to overcome it, and mostly do. */
const ONE_IN = 25;

/** Faults that pass. */
export function createFaults(random: Random): FaultProxy['faultFor'] {
  const kinds: (() => Fault)[] = [
    () => ({ answer: { status: 500 } }),
    () => ({ answer: { status: 503, headers: { 'Retry-After': '0' } } }),
    () => ({ answer: { status: 429, headers: { 'Retry-After': '0' } } }),
    () => ({ answer: { status: 502, body: '<html>Bad Gateway</html>' } }),
    () => ({ cutAnswerAfter: random.below(300_000) }),
    () => ({ cutRequestAfter: random.below(300_000) }),
    () => ({ delayMs: 50 }),
  ];
  return () => (random.below(ONE_IN) === 0 ? random.pick(kinds)() : undefined);
}
