import { isRegistry, isRepository } from '../content/reference.js';
import { isLadingError, LadingError, RegistryError } from '../errors.js';
import { type ConfiguredRegistry, locate, type RegistriesConf } from './configuration/registries-conf.js';
import { canonicalRegistry } from './origin.js';

/** A registry, or a mirror that has copies of its content. */
export interface Endpoint {
  /** `HOST[:PORT]`, by which credentials are looked up. */
  registry: string;
  /** The registry whose content it mirrors; undefined for a registry itself. */
  mirrorOf?: string;
  /** The path of the copies on its host: `dockerhub` for `HOST/dockerhub/library/alpine`. */
  path?: string;
  /** The name of the repository on its host, if `registries.conf` gives one. */
  repository?: string;
  /** Whether http and certificates of unknown authorities are allowed there. */
  insecure?: boolean;
}

/** The request for which endpoints are needed. */
export interface Wanted {
  registry: string;
  repository?: string | undefined;
  /** The path of the request. */
  target: string;
  order?: AskingOrder | undefined;
}

/**
 * Which endpoints are asked, and in which order. A mirror lists only what it has fetched, so a list comes from a mirror
 * only if the registry cannot be reached. Any answer of the registry counts, even a refusal.
 */
export type AskingOrder =
  | 'mirrors first'
  | 'registry first'
  | 'registry, mirrors if out of reach'
  | 'registry only';

/** The mirrors of each registry, as `HOST[:PORT][/PATH]` in the order in which to ask them. */
export type MirrorNames = Readonly<Record<string, readonly string[]>>;

/** Number of requests without a result after which a mirror is reported; one image takes three requests. */
const VAIN_QUESTIONS = 3;

/**
 * The endpoints for each registry's content during a run. One that could not be reached is no longer asked as long as
 * there is another.
 */
export class Endpoints {
  readonly #mirrors = new Map<string, Endpoint[]>();
  readonly #unreachable = new Set<string>();
  readonly #warned = new Set<string>();
  /** Mirrors that have had content that was asked for. */
  readonly #helpful = new Set<string>();
  /** How often a mirror was asked without ever having the content. */
  readonly #inVain = new Map<string, number>();
  readonly #conf: RegistriesConf | undefined;
  readonly #onWarning: ((text: string) => void) | undefined;

  /** Throws `USAGE` for an invalid name of a registry or mirror. */
  constructor(
    mirrors: MirrorNames,
    onWarning: ((text: string) => void) | undefined,
    conf?: RegistriesConf | undefined,
  ) {
    for (const [registry, names] of Object.entries(mirrors)) {
      const of = canonicalRegistry(registry);
      if (!isRegistry(of)) throw notAMirror(registry);
      this.#mirrors.set(of, [
        ...(this.#mirrors.get(of) ?? []),
        ...names.map((name) => parseMirror(name, of)),
      ]);
    }
    this.#onWarning = onWarning;
    this.#conf = conf;
  }

  /**
   * Returns the endpoints to ask, in order; never empty. Throws `DENIED` if `registries.conf` blocks the repository.
   */
  inOrder(wanted: Wanted): Endpoint[] {
    const { registry, repository, target, order = 'registry only' } = wanted;
    const name = fullName(canonicalRegistry(registry), repository);
    const table = this.#conf?.find(name);
    if (table?.blocked) throw blocked(name, table);
    const insecure = table?.insecure ? { insecure: true } : {};
    // Only reads go to other endpoints: pushes go where the user says.
    if (order === 'registry only') return [{ registry, ...insecure }];
    const place = table && this.#located(wanted, table, table.location);
    // If the repository is located elsewhere, that location may be blocked too.
    const taken = place && this.#tableAt(place, repository);
    if (place && taken?.blocked) throw blocked(nameAt(place, repository), taken, name);
    const own = { registry, ...place, ...insecure };
    const first = (this.#mirrors.get(canonicalRegistry(registry)) ?? [])
      .filter((mirror) => this.#isAllowed(mirror, repository))
      .map((mirror) => this.#judged(mirror, repository));
    const { asked, last } = this.#configured(wanted, table, target);
    const mirrors = [...first, ...asked];
    const all = order === 'mirrors first' ? [...mirrors, own, ...last] : [own, ...mirrors, ...last];
    const reachable = all.filter((endpoint) => !this.#unreachable.has(endpoint.registry));
    return reachable.length > 0 ? reachable : all;
  }

  /**
   * Returns the mirrors of a table of `registries.conf`. Those for digests only are not asked for a tag; those for tags
   * only are asked last for anything else.
   */
  #configured(
    wanted: Wanted,
    table: ConfiguredRegistry | undefined,
    target: string,
  ): { asked: Endpoint[]; last: Endpoint[] } {
    const [asked, last]: [Endpoint[], Endpoint[]] = [[], []];
    const byDigest = /\/(manifests|blobs)\/[^/]+:[^/]+$/.test(target);
    for (const { location, insecure, pulls } of table?.mirrors ?? []) {
      if (table === undefined || (pulls === 'digest-only' && !byDigest)) continue;
      const place = this.#located(wanted, table, location);
      if (place === undefined || !this.#isAllowed(place, wanted.repository)) continue;
      const endpoint = { ...place, mirrorOf: wanted.registry, ...(insecure && { insecure }) };
      (pulls === 'tag-only' && byDigest ? last : asked).push(endpoint);
    }
    return { asked, last };
  }

  /** Returns undefined if the request is for a whole registry and the location is only a part of one. */
  #located(
    { registry, repository }: Wanted,
    table: ConfiguredRegistry,
    location: string | undefined,
  ): Endpoint | undefined {
    const place = locate(fullName(canonicalRegistry(registry), repository), table, location);
    if (repository === undefined)
      return place.repository === undefined ? { registry: place.registry } : undefined;
    return place.repository === undefined
      ? undefined
      : { registry: place.registry, repository: place.repository };
  }

  /** Adds the settings of the mirror's own table, if it has one. */
  #judged(mirror: Endpoint, repository: string | undefined): Endpoint {
    const table = this.#tableAt(mirror, repository);
    return table?.insecure ? { ...mirror, insecure: true } : mirror;
  }

  #tableAt(place: Endpoint, repository: string | undefined): ConfiguredRegistry | undefined {
    return this.#conf?.find(nameAt(place, repository));
  }

  /** A blocked mirror is skipped with a warning: the others and the registry itself can still be asked. */
  #isAllowed(mirror: Endpoint, repository: string | undefined): boolean {
    const table = this.#tableAt(mirror, repository);
    if (!table?.blocked) return true;
    const text = `the mirror ${nameOf(mirror)} is not used: ${table.source} blocks ${table.prefix}`;
    this.#warnOnce(text, text);
    return false;
  }

  /** Records that an endpoint had what was asked for. */
  helped(endpoint: Endpoint): void {
    if (endpoint.mirrorOf !== undefined) this.#helpful.add(nameOf(endpoint));
  }

  /** Records a failure after which another endpoint is asked, and warns about it once. */
  failed(endpoint: Endpoint, error: unknown): void {
    const { registry, mirrorOf } = endpoint;
    if (isOutOfReach(error)) this.#unreachable.add(registry);
    // If a registry refuses, its mirrors are asked without a warning.
    else if (mirrorOf === undefined) return;
    const name = nameOf(endpoint);
    if (mirrorOf !== undefined && isLadingError(error, 'NOT_FOUND')) {
      // It is normal that a cache does not have everything.
      if (this.#isOfUse(name)) return;
      this.#warnOnce(
        name,
        `the mirror ${name} has not had any of the requested content of ${mirrorOf} so far; check its name and path`,
      );
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.#warnOnce(
      name,
      mirrorOf === undefined
        ? `${registry} cannot be reached, so the list comes from its mirrors, which know only what they have fetched: ${reason}`
        : `the mirror ${name} failed, so ${mirrorOf} itself is asked: ${reason}`,
    );
  }

  /** Returns false when a mirror has had nothing after several requests: it is empty, or its path is mistyped. */
  #isOfUse(name: string): boolean {
    if (this.#helpful.has(name)) return true;
    const inVain = (this.#inVain.get(name) ?? 0) + 1;
    this.#inVain.set(name, inVain);
    return inVain < VAIN_QUESTIONS;
  }

  #warnOnce(name: string, text: string): void {
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    this.#onWarning?.(text);
  }
}

/** Whether there was no answer at all. */
export function isOutOfReach(error: unknown): boolean {
  return isLadingError(error, 'UNREACHABLE', 'TIMEOUT');
}

/**
 * Returns the error to report when every endpoint failed: the registry's own, unless it did not answer and a mirror
 * did.
 */
export function weightiest(failures: readonly { endpoint: Endpoint; error: unknown }[]): unknown {
  const own = failures.find(({ endpoint }) => endpoint.mirrorOf === undefined);
  const answered = failures.find(({ error }) => error instanceof RegistryError && error.status !== undefined);
  return ((own && !isOutOfReach(own.error) ? own : undefined) ?? answered ?? own ?? failures[0])?.error;
}

/** Returns the name of a repository at an endpoint. */
export function repositoryAt(repository: string | undefined, endpoint: Endpoint): string | undefined {
  const { path } = endpoint;
  if (endpoint.repository !== undefined) return endpoint.repository;
  return path === undefined || repository === undefined ? repository : `${path}/${repository}`;
}

/** Returns the path of a request at an endpoint. */
export function targetAt(target: string, repository: string | undefined, endpoint: Endpoint): string {
  const own = `/v2/${repository}/`;
  if (!target.startsWith(own)) return target;
  return `/v2/${repositoryAt(repository, endpoint)}/${target.slice(own.length)}`;
}

/** Returns the scopes of a token for an endpoint, with the repository's name there. */
export function scopesAt(
  scopes: readonly string[],
  repository: string | undefined,
  endpoint: Endpoint,
): readonly string[] {
  const own = `repository:${repository}:`;
  return scopes.map((scope) =>
    scope.startsWith(own)
      ? `repository:${repositoryAt(repository, endpoint)}:${scope.slice(own.length)}`
      : scope,
  );
}

function parseMirror(text: string, mirrorOf: string): Endpoint {
  const [registry = '', ...components] = text.replace(/\/+$/, '').split('/');
  if (!isRegistry(registry)) throw notAMirror(text);
  // containerd writes /v2/ before every path.
  if (components[0] === 'v2') components.shift();
  if (components.length === 0) return { registry, mirrorOf };
  const path = components.join('/');
  if (!isRepository(path)) throw notAMirror(text);
  return { registry, mirrorOf, path };
}

function notAMirror(text: string): LadingError {
  const isURL = /^[a-z]+:\/\//i.test(text);
  return new LadingError(
    'USAGE',
    `"${text}" is not a valid registry or mirror: it is not of the form HOST[:PORT][/PATH]`,
    {
      ...(isURL ? { hint: 'Leave out the scheme.', remedy: 'plainHTTP' } : { remedy: 'mirrors' }),
    },
  );
}

function nameOf({ registry, path }: Endpoint): string {
  return path === undefined ? registry : `${registry}/${path}`;
}

function fullName(registry: string, repository: string | undefined): string {
  return repository === undefined ? registry : `${registry}/${repository}`;
}

/** Returns the name by which the place's own table is found. */
function nameAt(place: Endpoint, repository: string | undefined): string {
  return fullName(canonicalRegistry(place.registry), repositoryAt(repository, place));
}

/** `wanted` is the repository that was asked for, if it is located elsewhere. */
function blocked(name: string, { prefix, source }: ConfiguredRegistry, wanted: string = name): LadingError {
  const located = wanted === name ? '' : `, the location of ${wanted},`;
  return new LadingError('DENIED', `${name}${located} is blocked: ${source} blocks ${prefix}`, {
    hint: `Remove "blocked" from ${source}, or name another file with CONTAINERS_REGISTRIES_CONF.`,
  });
}
