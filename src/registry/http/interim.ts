import { RegistryError } from '../../errors.js';

/**
 * Maximum number of interim responses (1xx) before the final one. Servers send one or two. Each restarts undici's
 * timeout, and undici limits neither their number nor their size. (RFC 9110, 15.2)
 */
const MAX_INTERIM_RESPONSES = 20;

/**
 * Returns a function to call for each interim response to one request; it throws `REGISTRY` when there are too many.
 */
export function interimCounter(host: string): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > MAX_INTERIM_RESPONSES)
      throw new RegistryError(
        'REGISTRY',
        `${host} sent more than ${MAX_INTERIM_RESPONSES} interim responses (1xx) and no answer`,
        { hint: 'The registry, or a proxy in front of it, is broken; report it to its owner.' },
      );
  };
}
