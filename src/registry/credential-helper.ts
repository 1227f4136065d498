import { spawn } from 'node:child_process';
import { LadingError, messageOf, systemCode } from '../errors.js';
import { abortedError } from './network-error.js';

export interface CredentialHelperOptions {
  /** `PATH` and what the helper itself looks at; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  signal?: AbortSignal | undefined;
  /** Default 30 s: time to unlock a keychain, not to wait for ever. */
  timeoutMs?: number | undefined;
}

/** What a helper keeps for a server. */
export interface HelperAnswer {
  username?: string;
  password?: string;
  identityToken?: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** The suffix becomes part of a program's name, so it must not lead out of PATH. */
const SUFFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const NOT_FOUND = /credentials not found/i;
/** The user name that marks a secret as an identity token. */
const TOKEN_USERNAME = '<token>';

/**
 * Asks `docker-credential-SUFFIX` for a server's credential; undefined when it has none. Rejects with `IO`
 * when the helper is missing, fails, or says something else. (docker-credential-helpers, "Development")
 */
export async function askCredentialHelper(
  suffix: string,
  serverURL: string,
  options: CredentialHelperOptions = {},
): Promise<HelperAnswer | undefined> {
  if (!SUFFIX.test(suffix)) {
    throw new LadingError('USAGE', `"${suffix}" is not the name of a credential helper`, {
      hint: 'Correct credsStore or credHelpers in the configuration file.',
    });
  }
  const program = `docker-credential-${suffix}`;
  const { status, output } = await run(program, serverURL, options);
  if (status !== 0) {
    if (NOT_FOUND.test(output)) return undefined;
    // With a failure, standard output is the message and never the secret.
    const said = output.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
    throw failed(program, said === '' ? `exit status ${status}` : said);
  }
  return parseAnswer(program, output);
}

function parseAnswer(program: string, output: string): HelperAnswer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    throw failed(program, 'its answer is not JSON'); // not quoted: it may hold the secret
  }
  if (typeof answer !== 'object' || answer === null) throw failed(program, 'its answer is not an object');
  const username = 'Username' in answer ? answer.Username : '';
  const secret = 'Secret' in answer ? answer.Secret : '';
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw failed(program, 'its answer lacks Username or Secret');
  if (username === '' && secret === '') return undefined;
  return username === TOKEN_USERNAME ? { username, identityToken: secret } : { username, password: secret };
}

/** Runs the helper without a shell, the server on its standard input. */
function run(
  program: string,
  serverURL: string,
  { environment = process.env, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CredentialHelperOptions,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortedError(signal));
      return;
    }
    const child = spawn(program, ['get'], {
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
      // A grandchild may hold the pipe open for as long as it likes.
      child.stdout.destroy();
      end(() => reject(error));
    };
    const onAbort = () => stop(abortedError(signal));
    const timer = setTimeout(() => stop(failed(program, `no answer in ${timeoutMs} ms`)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });

    child.on('error', (error) => end(() => reject(notStarted(program, error))));
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > MAX_OUTPUT_BYTES) stop(failed(program, 'its answer is too large'));
      else chunks.push(chunk);
    });
    child.on('close', (status) =>
      end(() => resolve({ status, output: Buffer.concat(chunks).toString('utf8') })),
    );
    // A helper that does not read its input breaks the pipe; its exit status tells what that meant.
    child.stdin.on('error', () => undefined);
    child.stdin.end(serverURL);
  });
}

function notStarted(program: string, error: unknown): LadingError {
  return systemCode(error) === 'ENOENT'
    ? failed(program, 'the program is not in PATH')
    : failed(program, messageOf(error));
}

function failed(program: string, problem: string): LadingError {
  return new LadingError('IO', `credential helper ${program}: ${problem}`, {
    hint: `Run "${program} get" by hand to see what is wrong, or log in with another store.`,
  });
}
