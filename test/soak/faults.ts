import type { Random } from '../fuzz/mutate.js';
import type { Fault, FaultProxy } from '../support/fault-proxy.js';

/** One request in so many goes wrong: retries are to overcome it, and mostly do. */
const ONE_IN = 25;
/** One TLS connection in so many does not come about. */
const ONE_HANDSHAKE_IN = 20;
/** Longer than the library is told to wait for; the command line sees a connection that is cut late. */
const STALL_MS = 2_000;

/** Faults that pass. */
export function createFaults(random: Random): FaultProxy['faultFor'] {
  const kinds: (() => Fault)[] = [
    () => ({ answer: { status: 500 } }),
    () => ({ answer: { status: 503, headers: { 'Retry-After': '0' } } }),
    () => ({ answer: { status: 429, headers: { 'Retry-After': '0' } } }),
    () => ({ answer: { status: 502, body: '<html>Bad Gateway</html>' } }),
    () => ({ cutAnswerAfter: random.below(300_000) }),
    () => ({ cutRequestAfter: random.below(300_000) }),
    () => ({ resetAnswerAfter: random.below(300_000) }),
    () => ({ delayMs: 50 }),
    () => ({ stall: 'request', stallMs: STALL_MS }),
    () => ({ stall: 'answer', stallMs: STALL_MS }),
    () => ({ stall: { afterBytes: random.below(300_000) }, stallMs: STALL_MS }),
  ];
  return () => (random.below(ONE_IN) === 0 ? random.pick(kinds)() : undefined);
}

/** Handshakes that are reset, which is overcome, or answered in plain text, which is told at once. */
export function createHandshakeFaults(random: Random, onFault: () => void): FaultProxy['refusesConnection'] {
  return () => {
    if (random.below(ONE_HANDSHAKE_IN) > 0) return false;
    onFault();
    return random.below(4) === 0 ? true : 'reset';
  };
}
