import { DOCKER_HUB, isRegistry, isRepository } from '../content/reference.js';
import { isLadingError, LadingError, RegistryError } from '../errors.js';
import { type ConfiguredRegistry, locate, type RegistriesConf } from './configuration/registries-conf.js';
import { hostOf } from './origin.js';

/** A registry, or a place that keeps copies of its content. */
export interface Endpoint {
  /** `HOST[:PORT]`, by which credentials are looked up. */
  registry: string;
  /** The registry whose content it keeps; undefined for a registry itself. */
  mirrorOf?: string;
  /** Where on its host the copies are: `dockerhub` for `HOST/dockerhub/library/alpine`. */
  path?: string;
  /** What the repository is called on its host, where `registries.conf` says so. */
  repository?: string;
  /** Plain http and certificates of unknown authorities are allowed there. */
  insecure?: boolean;
}

/** What an endpoint is wanted for. */
export interface Wanted {
  registry: string;
  repository?: string | undefined;
  /** The path of the request. */
  target: string;
  order?: AskingOrder | undefined;
}

/**
 * Who is asked in which order. A mirror lists only what it has seen, so that a list comes from a mirror only where the
 * registry cannot be reached: what the registry says to the question, a refusal too, counts.
 */
export type AskingOrder =
  | 'mirrors first'
  | 'registry first'
  | 'registry, mirrors if out of reach'
  | 'registry only';

/** The mirrors of each registry, as `HOST[:PORT][/PATH]` in the order in which they are asked. */
export type MirrorNames = Readonly<Record<string, readonly string[]>>;

/** A mirror that has had nothing is named after so many questions: an image alone takes three. */
const VAIN_QUESTIONS = 3;

/**
 * Knows who can be asked for a registry's content during a run: one that could not be reached is left alone from then
 * on, as long as there is another.
 */
export class Endpoints {
  readonly #mirrors = new Map<string, Endpoint[]>();
  readonly #unreachable = new Set<string>();
  readonly #told = new Set<string>();
  /** Mirrors that have had something. */
  readonly #helpful = new Set<string>();
  /** How often a mirror that has had nothing so far was asked. */
  readonly #inVain = new Map<string, number>();
  readonly #conf: RegistriesConf | undefined;
  readonly #onWarning: ((text: string) => void) | undefined;

  /** Rejects with `USAGE` what is not the name of a mirror. */
  constructor(
    mirrors: MirrorNames,
    onWarning: ((text: string) => void) | undefined,
    conf?: RegistriesConf | undefined,
  ) {
    for (const [registry, names] of Object.entries(mirrors)) {
      const of = canonical(registry);
      if (!isRegistry(of)) throw notAMirror(registry);
      this.#mirrors.set(of, [
        ...(this.#mirrors.get(of) ?? []),
        ...names.map((name) => parseMirror(name, of)),
      ]);
    }
    this.#onWarning = onWarning;
    this.#conf = conf;
  }

  /** Never empty. Rejects with `DENIED` when `registries.conf` blocks what is wanted. */
  inOrder(wanted: Wanted): Endpoint[] {
    const { registry, repository, target, order = 'registry only' } = wanted;
    const name = fullName(canonical(registry), repository);
    const table = this.#conf?.find(name);
    if (table?.blocked) throw blocked(name, table);
    const insecure = table?.insecure ? { insecure: true } : {};
    // Only reading goes elsewhere: what is pushed goes where the user says.
    if (order === 'registry only') return [{ registry, ...insecure }];
    const place = table && this.#located(wanted, table, table.location);
    // What is located elsewhere may be blocked there.
    const taken = place && this.#tableAt(place, repository);
    if (place && taken?.blocked) throw blocked(nameAt(place, repository), taken, name);
    const own = { registry, ...place, ...insecure };
    const first = (this.#mirrors.get(canonical(registry)) ?? [])
      .filter((mirror) => this.#isAllowed(mirror, repository))
      .map((mirror) => this.#judged(mirror, repository));
    const { asked, last } = this.#configured(wanted, table, target);
    const mirrors = [...first, ...asked];
    const all = order === 'mirrors first' ? [...mirrors, own, ...last] : [own, ...mirrors, ...last];
    const reachable = all.filter((endpoint) => !this.#unreachable.has(endpoint.registry));
    return reachable.length > 0 ? reachable : all;
  }

  /** The mirrors of a table: a tag is not looked up where only digests may be, and a mirror for tags is asked last else. */
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

  /** Undefined where a whole registry is asked and the location is a part of one. */
  #located(
    { registry, repository }: Wanted,
    table: ConfiguredRegistry,
    location: string | undefined,
  ): Endpoint | undefined {
    const place = locate(fullName(canonical(registry), repository), table, location);
    if (repository === undefined)
      return place.repository === undefined ? { registry: place.registry } : undefined;
    return place.repository === undefined
      ? undefined
      : { registry: place.registry, repository: place.repository };
  }

  /** A mirror that the user named may have a table of its own. */
  #judged(mirror: Endpoint, repository: string | undefined): Endpoint {
    const table = this.#tableAt(mirror, repository);
    return table?.insecure ? { ...mirror, insecure: true } : mirror;
  }

  #tableAt(place: Endpoint, repository: string | undefined): ConfiguredRegistry | undefined {
    return this.#conf?.find(nameAt(place, repository));
  }

  /** Without a mirror that is blocked the others can help, and the registry itself. */
  #isAllowed(mirror: Endpoint, repository: string | undefined): boolean {
    const table = this.#tableAt(mirror, repository);
    if (!table?.blocked) return true;
    const text = `the mirror ${nameOf(mirror)} is left out: ${table.source} blocks ${table.prefix}`;
    this.#warnOnce(text, text);
    return false;
  }

  /** Notes that an endpoint had what was asked for. */
  helped(endpoint: Endpoint): void {
    if (endpoint.mirrorOf !== undefined) this.#helpful.add(nameOf(endpoint));
  }

  /** Notes a failure after which another endpoint is asked, and warns of it once. */
  failed(endpoint: Endpoint, error: unknown): void {
    const { registry, mirrorOf } = endpoint;
    if (isOutOfReach(error)) this.#unreachable.add(registry);
    // A registry's own refusal is no news where its mirrors can help.
    else if (mirrorOf === undefined) return;
    const name = nameOf(endpoint);
    if (mirrorOf !== undefined && isLadingError(error, 'NOT_FOUND')) {
      // A cache need not have everything.
      if (this.#isOfUse(name)) return;
      this.#warnOnce(
        name,
        `the mirror ${name} has had nothing so far of what ${mirrorOf} has; check its name and path`,
      );
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    this.#warnOnce(
      name,
      mirrorOf === undefined
        ? `${registry} itself is out of reach, so only its mirrors are asked, which list what they have seen: ${reason}`
        : `the mirror ${name} is of no help, so ${mirrorOf} itself is asked: ${reason}`,
    );
  }

  /** False once a mirror has lacked all of several things: its path is mistyped, or it is empty. */
  #isOfUse(name: string): boolean {
    if (this.#helpful.has(name)) return true;
    const inVain = (this.#inVain.get(name) ?? 0) + 1;
    this.#inVain.set(name, inVain);
    return inVain < VAIN_QUESTIONS;
  }

  #warnOnce(name: string, text: string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#onWarning?.(text);
  }
}

/** Whether no answer came at all. */
export function isOutOfReach(error: unknown): boolean {
  return isLadingError(error, 'UNREACHABLE', 'TIMEOUT');
}

/**
 * The failure to report when every endpoint failed: the registry's own words count more than those of its mirrors,
 * unless it said nothing and a mirror did.
 */
export function weightiest(failures: readonly { endpoint: Endpoint; error: unknown }[]): unknown {
  const own = failures.find(({ endpoint }) => endpoint.mirrorOf === undefined);
  const answered = failures.find(({ error }) => error instanceof RegistryError && error.status !== undefined);
  return ((own && !isOutOfReach(own.error) ? own : undefined) ?? answered ?? own ?? failures[0])?.error;
}

/** What a repository is called at an endpoint. */
export function repositoryAt(repository: string | undefined, endpoint: Endpoint): string | undefined {
  const { path } = endpoint;
  if (endpoint.repository !== undefined) return endpoint.repository;
  return path === undefined || repository === undefined ? repository : `${path}/${repository}`;
}

/** The path of a request at an endpoint. */
export function targetAt(target: string, repository: string | undefined, endpoint: Endpoint): string {
  const own = `/v2/${repository}/`;
  if (!target.startsWith(own)) return target;
  return `/v2/${repositoryAt(repository, endpoint)}/${target.slice(own.length)}`;
}

/** What a token must allow at an endpoint, where the repository has another name. */
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
  // As containerd writes it: /v2/ goes before every path.
  if (components[0] === 'v2') components.shift();
  if (components.length === 0) return { registry, mirrorOf };
  const path = components.join('/');
  if (!isRepository(path)) throw notAMirror(text);
  return { registry, mirrorOf, path };
}

function notAMirror(text: string): LadingError {
  const isURL = /^[a-z]+:\/\//i.test(text);
  return new LadingError('USAGE', `"${text}" cannot be a mirror or have one: it is not HOST[:PORT][/PATH]`, {
    ...(isURL ? { hint: 'Leave out the scheme.', remedy: 'plainHTTP' } : { remedy: 'mirrors' }),
  });
}

function nameOf({ registry, path }: Endpoint): string {
  return path === undefined ? registry : `${registry}/${path}`;
}

function fullName(registry: string, repository: string | undefined): string {
  return repository === undefined ? registry : `${registry}/${repository}`;
}

/** By this name the place's own table is found. */
function nameAt(place: Endpoint, repository: string | undefined): string {
  return fullName(canonical(place.registry), repositoryAt(repository, place));
}

/** `wanted` is what was asked for, where that is located elsewhere. */
function blocked(name: string, { prefix, source }: ConfiguredRegistry, wanted: string = name): LadingError {
  const located = wanted === name ? '' : `, the location of ${wanted},`;
  return new LadingError('DENIED', `${name}${located} is not asked: ${source} blocks ${prefix}`, {
    hint: `Remove "blocked" from ${source}, or name another file with CONTAINERS_REGISTRIES_CONF.`,
  });
}

/** Docker Hub has several names. */
function canonical(registry: string): string {
  return hostOf(registry) === hostOf(DOCKER_HUB) ? DOCKER_HUB : registry;
}
