import { LadingError } from '../../errors.js';
import { canonicalRegistry } from '../origin.js';
import type { ExplicitCredential } from './credentials.js';

/** A login for this run. It is sent to one registry only: neither to its mirrors nor to the other side of a copy. */
export interface RunCredentials {
  username: string;
  password: string;
  /** `HOST[:PORT]`; default: the only registry of the run. A mirror gets a login only if it is named here. */
  registry?: string | undefined;
  /** The name of its source in messages, such as a variable; default `the options`. */
  source?: string | undefined;
}

/**
 * Determines which registry each login is for. Throws `USAGE` for a login without a registry if the run uses several,
 * and for two logins for the same registry.
 */
export function scopeCredentials(
  given: RunCredentials | readonly RunCredentials[] | undefined,
  registries: readonly string[],
): ExplicitCredential[] {
  const logins: readonly RunCredentials[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  const scoped = logins.flatMap(({ registry, source = 'the options', ...login }) => {
    const named = registry === undefined ? theOnly(registries, source) : canonicalRegistry(registry);
    return named === undefined ? [] : [{ ...login, source, registry: named }];
  });
  for (const [index, { registry }] of scoped.entries()) {
    if (scoped.findIndex((other) => other.registry === registry) !== index)
      throw new LadingError('USAGE', `two logins were given for ${registry}`);
  }
  return scoped;
}

function theOnly(registries: readonly string[], source: string): string | undefined {
  const [registry, ...others] = new Set(registries.map(canonicalRegistry));
  if (others.length === 0) return registry;
  throw new LadingError(
    'USAGE',
    `the login from ${source} is for one registry, and this run uses ${[registry, ...others].join(', ')}`,
    {
      hint: 'Say which registry the login is for, once for each that asks for one.',
      remedy: 'credentials',
      remedyFor: registry,
    },
  );
}
