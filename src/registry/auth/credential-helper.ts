import { spawn } from 'node:child_process';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import { abortedError } from '../http/network-error.js';

export interface CredentialHelperOptions {
  /** `PATH` and the helper's own environment; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  signal?: AbortSignal | undefined;
  /** Default 30 s, which is enough to unlock a keychain. */
  timeoutMs?: number | undefined;
}

/** The credential that a helper has for a server. */
export interface HelperAnswer {
  username?: string;
  password?: string;
  identityToken?: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** The suffix becomes part of a program's name, so it must not contain a path. */
const SUFFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const NOT_FOUND = /credentials not found|could not be found in the keychain/i;
/** The user name that says that the secret is an identity token. */
const TOKEN_USERNAME = '<token>';

/**
 * Asks `docker-credential-SUFFIX` for a server's credential; undefined if it has none. Throws `IO` if the helper is
 * missing, fails, or prints something else. (docker-credential-helpers, "Development")
 */
export async function askCredentialHelper(
  suffix: string,
  serverURL: string,
  options: CredentialHelperOptions = {},
): Promise<HelperAnswer | undefined> {
  const output = await call(suffix, 'get', serverURL, options);
  return output === undefined ? undefined : parseAnswer(programOf(suffix), output);
}

/** Stores a credential with `docker-credential-SUFFIX`. Throws `IO` if the helper fails. */
export async function storeWithHelper(
  suffix: string,
  { serverURL, username, secret }: { serverURL: string; username: string; secret: string },
  options: CredentialHelperOptions = {},
): Promise<void> {
  const document = { ServerURL: serverURL, Username: username, Secret: secret };
  await call(suffix, 'store', JSON.stringify(document), options);
}

/** Erases a credential with `docker-credential-SUFFIX`; it is not an error if the helper does not have it. */
export async function eraseWithHelper(
  suffix: string,
  serverURL: string,
  options: CredentialHelperOptions = {},
): Promise<void> {
  await call(suffix, 'erase', serverURL, options);
}

/** Returns the helper's output, or undefined if it does not have the credential. */
async function call(
  suffix: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  options: CredentialHelperOptions,
): Promise<string | undefined> {
  if (!SUFFIX.test(suffix)) {
    throw new LadingError('USAGE', `"${suffix}" is not the name of a credential helper`, {
      hint: 'Correct credsStore or credHelpers in the configuration file.',
    });
  }
  const program = programOf(suffix);
  const { status, output } = await run(program, verb, input, options);
  if (status === 0) return output;
  if (verb !== 'store' && NOT_FOUND.test(output)) return undefined;
  // When a helper fails, it prints a message on standard output and never the secret.
  const said = output.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
  throw failed(program, verb, said === '' ? `exit status ${status}` : said);
}

function programOf(suffix: string): string {
  return `docker-credential-${suffix}`;
}

function parseAnswer(program: string, output: string): HelperAnswer | undefined {
  const answer = parseObject(output);
  if (answer === undefined) throw failed(program, 'get', 'its answer is not JSON'); // not quoted because it may contain the secret
  // Go accepts members in any letter case, and some helpers rely on that.
  const members = new Map(Object.entries(answer).map(([name, value]) => [name.toLowerCase(), value]));
  const username = members.get('username') ?? '';
  const secret = members.get('secret') ?? '';
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw failed(program, 'get', 'its answer lacks Username or Secret');
  if (username === '' && secret === '') return undefined;
  return username === TOKEN_USERNAME ? { username, identityToken: secret } : { username, password: secret };
}

/** Parses the JSON object in an answer; some helpers print notices before or after it. */
function parseObject(output: string): object | undefined {
  const start = /^\s*\{/m.exec(output)?.index ?? 0;
  for (const text of [output, output.slice(start, output.lastIndexOf('}') + 1)]) {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

/** Runs the helper without a shell, and passes the input on its standard input, never in its arguments. */
function run(
  program: string,
  verb: string,
  input: string,
  { environment = process.env, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CredentialHelperOptions,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal));
      return;
    }
    const child = spawn(program, [verb], {
      env: environment,
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const stop = (error: LadingError) => {
      child.kill('SIGKILL');
      // A child of the helper may keep the pipe open.
      child.stdout.destroy();
      end(() => reject(error));
    };
    const onAbort = () => stop(abortedError(signal));
    const timer = setTimeout(
      () => stop(failed(program, verb, `it did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });

    child.on('error', (error) => end(() => reject(notStarted(program, verb, error))));
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > MAX_OUTPUT_BYTES) stop(failed(program, verb, 'its answer is too large'));
      else chunks.push(chunk);
    });
    child.on('close', (status) =>
      end(() => resolve({ status, output: Buffer.concat(chunks).toString('utf8') })),
    );
    // A helper that does not read its input breaks the pipe; its exit status shows whether that matters.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function notStarted(program: string, verb: string, error: unknown): LadingError {
  return systemCode(error) === 'ENOENT'
    ? failed(program, verb, 'the program is not in PATH')
    : failed(program, verb, messageOf(error));
}

function failed(program: string, verb: string, problem: string): LadingError {
  return new LadingError('IO', `credential helper ${program}: ${problem}`, {
    hint: `Run "${program} ${verb}" by hand to see what is wrong, or log in with another store.`,
  });
}
