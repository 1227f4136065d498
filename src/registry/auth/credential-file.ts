import { readFile } from 'node:fs/promises';
import { DOCKER_HUB } from '../../content/reference.js';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import type { Credential } from './credential.js';

/** The key under which docker stores the credential of Docker Hub. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/**
 * The parts of docker's `config.json` and podman's `auth.json` that hold credentials. Entries are not validated here:
 * as in skopeo, only those of the registry that is looked up have to be valid.
 */
export interface CredentialConfig {
  /** Server or repository → its entry, which is empty if the credential is in a store. */
  auths: ReadonlyMap<string, unknown>;
  /** Host → suffix of the only helper to ask for it. */
  credHelpers: ReadonlyMap<string, unknown>;
  /** Suffix of the helper for all other hosts. */
  credsStore: unknown;
  /** Whether this is `~/.dockercfg`, which has URLs as its keys. */
  isLegacy: boolean;
  /** The name of the file, for errors. */
  source: string;
}

/**
 * Reads a configuration file; undefined if it does not exist. Throws `IO` if it cannot be read and `USAGE` if it is not
 * valid.
 */
export async function readCredentialFile(
  file: string,
  { isLegacy = false }: { isLegacy?: boolean } = {},
): Promise<CredentialConfig | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw new LadingError('IO', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
  return parseCredentialConfig(text, file, { isLegacy });
}

/**
 * Parses a configuration file; `source` names it in errors. Throws `USAGE` if it is not valid. (docker, "config.json";
 * containers-auth.json(5))
 */
export function parseCredentialConfig(
  text: string,
  source: string,
  { isLegacy = false }: { isLegacy?: boolean } = {},
): CredentialConfig {
  // `touch` and some installers leave an empty file; PowerShell writes a byte order mark.
  const content = text.replace(/^\ufeff/, '').trim();
  const document = members(parseJSON(content === '' ? '{}' : content, source), source, 'the document');
  const part = (name: string) => (isLegacy ? undefined : memberOf(document, name));
  return {
    auths: isLegacy ? document : members(part('auths'), source, 'auths'),
    credHelpers: members(part('credHelpers'), source, 'credHelpers'),
    credsStore: part('credsStore'),
    isLegacy,
    source,
  };
}

/**
 * Finds a credential in `auths`: by the longest key that is the repository or a part of its path, then by the host, and
 * last by keys that are URLs. Tags and digests are never part of a key. (containers-auth.json(5))
 */
export function findInAuths(
  { auths, isLegacy, source }: CredentialConfig,
  registry: string,
  repository: string | undefined,
): Omit<Credential, 'source'> | undefined {
  const entryOf = (key: string) => {
    const entry = auths.has(key) ? parseEntry(auths.get(key), key, source) : undefined;
    return entry === undefined || isEmpty(entry) ? undefined : entry;
  };
  let key = repository === undefined ? registry : `${registry}/${repository}`;
  while (key !== '') {
    const entry = entryOf(key) ?? entryOf(`${key}/`);
    if (entry !== undefined) return entry;
    key = key.slice(0, Math.max(0, key.lastIndexOf('/')));
  }
  const wanted = withoutHubAliases(registry);
  for (const name of auths.keys()) {
    const entry = hostOfKey(name, isLegacy) === wanted ? entryOf(name) : undefined;
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/**
 * Returns the suffix of the helper that is configured for a host. An empty one means that the host has no helper and is
 * not in the store for all hosts either. (docker, `getConfiguredCredentialStore`)
 */
export function findHelper({ credHelpers, source }: CredentialConfig, registry: string): string | undefined {
  const wanted = withoutHubAliases(registry);
  const keys = [...credHelpers.keys()];
  const key =
    keys.find((name) => name === registry) ?? keys.find((name) => hostOfKey(name, false) === wanted);
  return key === undefined
    ? undefined
    : optionalString(credHelpers.get(key), source, `credHelpers of ${key}`);
}

/** Returns the suffix of the helper for hosts that have none of their own. */
export function findStore({ credsStore, source }: CredentialConfig): string | undefined {
  return optionalString(credsStore, source, 'credsStore') || undefined;
}

/** Returns the keys in `auths` or `credHelpers` that stand for the whole registry, not for a namespace of it. */
export function keysOfRegistry(keys: Iterable<string>, registry: string, isLegacy = false): string[] {
  const wanted = withoutHubAliases(registry);
  return [...keys].filter((key) => hostOfKey(key, isLegacy) === wanted);
}

/** Returns the server name to pass to a helper: docker stores Docker Hub under a URL, all others under their host. */
export function serverURLOf(registry: string): string {
  return withoutHubAliases(registry) === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
}

/**
 * Returns the host of a key. The path is ignored in a key with a scheme and in `~/.dockercfg`; so are a trailing slash
 * and a trailing `/v1` or `/v2`.
 */
function hostOfKey(key: string, isLegacy: boolean): string {
  const bare = key.replace(/^https?:\/\//, '');
  const host = isLegacy || bare !== key ? (bare.split('/', 1)[0] ?? '') : bare.replace(/(\/v[12])?\/*$/, '');
  return withoutHubAliases(host);
}

function withoutHubAliases(host: string): string {
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host;
}

function isEmpty(entry: Omit<Credential, 'source'>): boolean {
  return Object.values(entry).every((value) => value === undefined);
}

function parseEntry(value: unknown, key: string, source: string): Omit<Credential, 'source'> {
  const entry = members(value, source, `auths of ${key}`);
  const member = (name: string) =>
    optionalString(memberOf(entry, name), source, `${name} of ${key}`) || undefined;
  const auth = member('auth');
  // `auth` takes precedence over `username` and `password`.
  const login =
    auth === undefined
      ? { username: member('username'), password: member('password') }
      : decodeAuth(auth, key, source);
  const identityToken = member('identitytoken');
  const registryToken = member('registrytoken');
  const isLogin = login.username !== undefined && login.username !== '';
  return {
    ...(isLogin ? { username: login.username, password: login.password ?? '' } : {}),
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
  };
}

/** Decodes base64 of `user:password`. The password may contain colons, and old clients padded it with NULs. */
function decodeAuth(auth: string, key: string, source: string): { username: string; password: string } {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0 || !/^[A-Za-z0-9+/_-]+={0,2}\s*$/.test(auth)) {
    throw invalid(source, `auth of ${key} is not base64 of USER:PASSWORD`);
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

function parseJSON(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(source, 'it is not JSON'); // without the cause, which quotes the text and so perhaps a secret
  }
}

/** Returns a JSON object's own members; none if it is missing. */
function members(value: unknown, source: string, name: string): Map<string, unknown> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(source, `${name} is not an object`);
  return new Map(Object.entries(value));
}

/** Finds a member by its name in any letter case, as Go does. */
function memberOf(document: ReadonlyMap<string, unknown>, name: string): unknown {
  if (document.has(name)) return document.get(name);
  return [...document].find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** A missing value and null count as an empty string, as in Go. */
function optionalString(value: unknown, source: string, name: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw invalid(source, `${name} is not a string`);
  return value;
}

function invalid(source: string, problem: string): LadingError {
  return new LadingError('USAGE', `${source}: ${problem}`, {
    hint: 'Correct the file, or name another.',
    remedy: 'authFile',
  });
}
