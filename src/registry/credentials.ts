import { homedir } from 'node:os';
import { join } from 'node:path';
import { isLadingError, LadingError } from '../errors.js';
import type { Credential, CredentialProvider } from './credential.js';
import {
  type CredentialConfig,
  findHelper,
  findInAuths,
  findStore,
  parseCredentialConfig,
  readCredentialFile,
  serverURLOf,
} from './credential-file.js';
import { askCredentialHelper, type HelperAnswer } from './credential-helper.js';

export interface CredentialOptions {
  /** What the user gave for this run, a login a registry; it goes before everything else. */
  explicit?: readonly ExplicitCredential[] | undefined;
  /** `--authfile`: no other file is looked at then, and it must exist. */
  authFile?: string | undefined;
  /** Variables that name or hold credentials, and what helpers run with; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Default the user's home. */
  home?: string | undefined;
  /** Default `process.platform`. */
  platform?: NodeJS.Platform | undefined;
  /** Default the user's number. */
  uid?: number | undefined;
  /** Told of a helper that failed; it then counts as having no answer. */
  onWarning?: ((text: string) => void) | undefined;
}

export interface ExplicitCredential {
  username: string;
  password: string;
  /** The only registry that gets it. */
  registry: string;
  /** Its name in messages: `--creds`. */
  source: string;
}

/** A place to look in: nothing is read before a registry asks. */
interface Source {
  name: string;
  read(): Promise<CredentialConfig | undefined>;
}

/**
 * Looks in every place where users keep credentials, the first answer wins: what was given for the run,
 * `--authfile`, `DOCKER_AUTH_CONFIG`, `REGISTRY_AUTH_FILE`, podman's `auth.json`, docker's `config.json`,
 * `~/.dockercfg`. Each place is read once, each helper asked once per server.
 */
export function createCredentialProvider(options: CredentialOptions = {}): CredentialProvider {
  const sources = listSources(options).map(({ name, read }) => ({ name, read: once(read) }));
  const askHelper = createHelpers(options);

  return async (registry, repository, signal) => {
    const explicit = explicitFor(options.explicit, registry);
    if (explicit !== undefined) return explicit;
    for (const { name, read } of sources) {
      const config = await read();
      if (config === undefined) continue;
      const found = await findIn(config, name, registry, repository, (suffix) =>
        askHelper(suffix, serverURLOf(registry), signal),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** Within a file: the host's own helper alone, else what is written there, else the store for all hosts. */
async function findIn(
  config: CredentialConfig,
  source: string,
  registry: string,
  repository: string | undefined,
  ask: (suffix: string) => Promise<HelperAnswer | undefined>,
): Promise<Credential | undefined> {
  const helper = findHelper(config, registry);
  if (!helper) {
    const written = findInAuths(config, registry, repository);
    if (written !== undefined) return { ...written, source };
  }
  const suffix = helper ?? findStore(config);
  const answer = suffix ? await ask(suffix) : undefined;
  return answer && { ...answer, source: `docker-credential-${suffix} (named in ${source})` };
}

function explicitFor(explicit: readonly ExplicitCredential[] = [], wanted: string): Credential | undefined {
  const found = explicit.find(({ registry }) => registry === wanted);
  return found && { username: found.username, password: found.password, source: found.source };
}

function listSources({
  authFile,
  environment = process.env,
  home = homedir(),
  platform = process.platform,
  uid = process.getuid?.(),
}: CredentialOptions): Source[] {
  if (authFile !== undefined) return [{ name: authFile, read: () => readRequired(authFile) }];
  const sources: Source[] = [];
  const inline = environment.DOCKER_AUTH_CONFIG;
  if (inline) {
    const name = 'DOCKER_AUTH_CONFIG';
    sources.push({ name, read: async () => parseCredentialConfig(inline, name) });
  }
  const only = environment.REGISTRY_AUTH_FILE;
  const files = only ? [only] : defaultFiles(environment, home, platform, uid);
  sources.push(...files.map((file) => ({ name: file, read: () => readCredentialFile(file) })));
  if (!only) {
    const legacy = join(home, '.dockercfg');
    sources.push({ name: legacy, read: () => readCredentialFile(legacy, { isLegacy: true }) });
  }
  return sources;
}

/** (containers-auth.json(5), "FILES"; docker, "Configuration files") */
function defaultFiles(
  environment: NodeJS.ProcessEnv,
  home: string,
  platform: NodeJS.Platform,
  uid: number | undefined,
): string[] {
  const own = uid === undefined ? undefined : `/run/containers/${uid}`;
  const runtime = environment.XDG_RUNTIME_DIR ? join(environment.XDG_RUNTIME_DIR, 'containers') : own;
  const lasting = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'containers', 'auth.json');
  const docker = join(environment.DOCKER_CONFIG || join(home, '.docker'), 'config.json');
  const temporary = platform === 'linux' && runtime !== undefined ? [join(runtime, 'auth.json')] : [];
  return [...temporary, lasting, docker];
}

async function readRequired(file: string): Promise<CredentialConfig> {
  const config = await readCredentialFile(file);
  if (config === undefined) {
    throw new LadingError('NOT_FOUND', `${file}: no such file`, {
      hint: '--authfile names a file that docker login or podman login has written.',
    });
  }
  return config;
}

/**
 * Asks each helper once per server. One that fails is reported and has no answer, so that public images can
 * be had on a machine that lacks it; docker does the same.
 */
function createHelpers({ environment, onWarning }: CredentialOptions) {
  const answers = new Map<string, Promise<HelperAnswer | undefined>>();
  return (suffix: string, serverURL: string, signal: AbortSignal | undefined) => {
    const key = `${suffix} ${serverURL}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = askCredentialHelper(suffix, serverURL, { environment, signal }).catch((error: unknown) => {
      if (!isLadingError(error, 'IO')) {
        answers.delete(key);
        throw error;
      }
      onWarning?.(error.message);
      return undefined;
    });
    answers.set(key, answer);
    return answer;
  };
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}
