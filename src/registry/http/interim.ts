import { RegistryError } from '../../errors.js';

/**
 * Interim responses (1xx) before one answer. Servers send one or two; each makes the HTTP library wait anew, and it
 * counts neither them nor their bytes. (RFC 9110, 15.2)
 */
const MAX_INTERIM_RESPONSES = 20;

/** To be called for each interim response to one request; throws `REGISTRY` when there are more than may be. */
export function interimCounter(host: string): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > MAX_INTERIM_RESPONSES)
      throw new RegistryError(
        'REGISTRY',
        `${host} sent more than ${MAX_INTERIM_RESPONSES} interim responses (1xx) and no answer`,
        { hint: 'The registry or a proxy before it is broken; tell its owner.' },
      );
  };
}
