import { readFile } from 'node:fs/promises';
import { DOCKER_HUB } from '../content/reference.js';
import { LadingError, messageOf, systemCode } from '../errors.js';
import type { Credential } from './credential.js';

/** The name under which docker keeps the credential of Docker Hub. */
export const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** The parts of docker's `config.json` and podman's `auth.json` that hold credentials. */
export interface CredentialConfig {
  /** Server or repository → credential; an entry that is in a store is empty. */
  auths: ReadonlyMap<string, Omit<Credential, 'source'>>;
  /** Host → suffix of the helper that alone answers for it. */
  credHelpers: ReadonlyMap<string, string>;
  /** Suffix of the helper for all other hosts. */
  credsStore: string | undefined;
  /** Whether this is `~/.dockercfg`, whose keys are URLs. */
  isLegacy: boolean;
}

/** Reads a configuration file; undefined when there is none. Rejects with `USAGE` when it makes no sense. */
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

/** `source` names the text in errors. (docker, "config.json"; containers-auth.json(5)) */
export function parseCredentialConfig(
  text: string,
  source: string,
  { isLegacy = false }: { isLegacy?: boolean } = {},
): CredentialConfig {
  // An empty file is what `touch` and some installers leave.
  const document = members(parseJSON(text.trim() === '' ? '{}' : text, source), source, 'the document');
  const auths = isLegacy ? document : members(document.get('auths'), source, 'auths');
  const credHelpers = members(isLegacy ? undefined : document.get('credHelpers'), source, 'credHelpers');
  const credsStore = isLegacy ? undefined : document.get('credsStore');
  return {
    auths: new Map([...auths].map(([key, entry]) => [key, parseEntry(entry, key, source)])),
    credHelpers: new Map(
      [...credHelpers].map(([host, suffix]) => [host, string(suffix, source, `credHelpers of ${host}`)]),
    ),
    credsStore: credsStore === undefined ? undefined : string(credsStore, source, 'credsStore') || undefined,
    isLegacy,
  };
}

/**
 * The credential that stands in `auths`: the longest key that is the repository or a part of its path, then
 * the host; at last keys that are URLs. Tags and digests are never part of a key. (containers-auth.json(5))
 */
export function findInAuths(
  { auths, isLegacy }: CredentialConfig,
  registry: string,
  repository: string | undefined,
): Omit<Credential, 'source'> | undefined {
  let key = repository === undefined ? registry : `${registry}/${repository}`;
  while (key !== '') {
    const entry = auths.get(key);
    if (entry !== undefined && !isEmpty(entry)) return entry;
    key = key.slice(0, Math.max(0, key.lastIndexOf('/')));
  }
  const wanted = withoutHubAliases(registry);
  for (const [name, entry] of auths) {
    if (!isEmpty(entry) && hostOfKey(name, isLegacy) === wanted) return entry;
  }
  return undefined;
}

/** The suffix of the helper that is configured for a host itself. */
export function findHelper({ credHelpers }: CredentialConfig, registry: string): string | undefined {
  const wanted = withoutHubAliases(registry);
  return (
    credHelpers.get(registry) ?? [...credHelpers].find(([name]) => hostOfKey(name, false) === wanted)?.[1]
  );
}

/** What a helper is asked for: docker stores Docker Hub under a URL, all others under their host. */
export function serverURLOf(registry: string): string {
  return withoutHubAliases(registry) === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
}

/** Only a key with a scheme, or one of the oldest file, has a path that means nothing. */
function hostOfKey(key: string, isLegacy: boolean): string {
  const bare = key.replace(/^https?:\/\//, '');
  return withoutHubAliases(isLegacy || bare !== key ? (bare.split('/', 1)[0] ?? '') : bare);
}

function withoutHubAliases(host: string): string {
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host;
}

function isEmpty(entry: Omit<Credential, 'source'>): boolean {
  return Object.values(entry).every((value) => value === undefined);
}

function parseEntry(value: unknown, key: string, source: string): Omit<Credential, 'source'> {
  const entry = members(value, source, `auths of ${key}`);
  const member = (name: string) => {
    const text = entry.get(name);
    return text === undefined || text === null
      ? undefined
      : string(text, source, `${name} of ${key}`) || undefined;
  };
  const auth = member('auth');
  // `auth` wins over the members that repeat it.
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

/** Base64 of `user:password`; the password may hold colons, and old clients padded it with NULs. */
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
    throw invalid(source, 'it is not JSON'); // the cause quotes the text, which may be a secret
  }
}

/** A JSON object's own members; nothing for a member that is missing. */
function members(value: unknown, source: string, name: string): Map<string, unknown> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(source, `${name} is not an object`);
  return new Map(Object.entries(value));
}

function string(value: unknown, source: string, name: string): string {
  if (typeof value !== 'string') throw invalid(source, `${name} is not a string`);
  return value;
}

function invalid(source: string, problem: string): LadingError {
  return new LadingError('USAGE', `${source}: ${problem}`, {
    hint: 'Correct the file, or name another with --authfile.',
  });
}
