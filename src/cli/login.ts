import type { InferredOptionTypes } from 'yargs';
import { LadingError, type LoginResult, login } from '../index.js';
import type { CommandContext, CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
} from './options.js';
import { eventsTo } from './progress.js';
import { ask, readPassword } from './prompt.js';

const { retries, authfile, ca, cert, 'tls-verify': tlsVerify, 'key-file': keyFile } = CONNECTION_OPTIONS;

const OPTIONS = {
  username: {
    alias: 'u',
    type: 'string',
    value: 'USER',
    requiresArg: true,
    describe: 'User name; default LADING_USERNAME, else lading asks for it',
  },
  'password-stdin': { type: 'boolean', default: false, describe: 'Read the password from standard input' },
  password: {
    alias: 'p',
    type: 'string',
    value: 'PASSWORD',
    requiresArg: true,
    describe: 'Password, which other users can see; --password-stdin and LADING_PASSWORD are safer',
  },
  authfile: { ...authfile, describe: 'File to store the login in, in the format of docker and podman' },
  retries,
  'tls-verify': tlsVerify,
  ca,
  cert,
  'key-file': keyFile,
  'plain-http': CONNECTION_OPTIONS['plain-http'],
  'private-addresses': CONNECTION_OPTIONS['private-addresses'],
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { HOST?: string };

export const loginCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    HOST: { type: 'string', default: 'docker.io', describe: 'HOST[:PORT]' },
  },
  examples: [
    {
      line: 'pass registry | lading login registry.local:5000 -u me --password-stdin',
      summary: 'without a question',
    },
    { line: 'lading login', summary: 'to Docker Hub; name and password are asked for' },
  ],
  async run(argv, context) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const { output, signal } = context;
    const { registries, HOST: host = 'docker.io' } = flags;
    const authFile = flags.authfile ?? registries?.[host]?.authFile;
    const result = await login(host, {
      ...connectionOptions(withoutLogins(flags), output.warning, {}),
      ...(await askLogin(flags, context)),
      places: { authFile, registries },
      signal,
      onEvent: eventsTo(output, flags),
    });
    output.result(result, () => describeLogin(result));
    return EXIT.done;
  },
};

/** Adds the flags that only other commands have, as undefined. */
function withoutLogins(flags: Arguments): Parameters<typeof connectionOptions>[0] {
  const others = { concurrency: undefined, 'limit-rate': undefined, v1: undefined, mirror: undefined };
  return { ...flags, ...others, creds: undefined };
}

async function askLogin(
  flags: Arguments,
  { output, signal }: CommandContext,
): Promise<{ username: string; password: string }> {
  const { 'password-stdin': fromStdin, password: given } = flags;
  if (fromStdin && given !== undefined)
    throw new LadingError('USAGE', '--password and --password-stdin are two passwords');
  if (given !== undefined) {
    output.warning(
      'a password on the command line can be read by other users of this machine; --password-stdin cannot',
    );
  }
  const name = flags.username ?? process.env.LADING_USERNAME;
  const known = given ?? process.env.LADING_PASSWORD;
  const isTerminal = process.stdin.isTTY === true;
  if (!isTerminal && (name === undefined || (known === undefined && !fromStdin))) {
    throw new LadingError('USAGE', 'there is no terminal to ask for the name and the password', {
      hint: 'Pass --username USER and --password-stdin.',
    });
  }
  const terminal = { input: process.stdin, output: process.stderr };
  const username = name ?? (await ask('Username: ', terminal, { signal }));
  const password = fromStdin
    ? await readPassword(process.stdin)
    : (known ?? (await ask('Password: ', terminal, { secret: true, signal })));
  if (password === '') throw new LadingError('USAGE', `the password for ${username} is empty`);
  return { username, password };
}

function describeLogin({ registry, username, stored }: LoginResult): string {
  const where =
    stored.helper === undefined
      ? `${stored.file}, which only you can read but which is not encrypted`
      : `${stored.helper}, as ${stored.file} says`;
  return `logged in to ${registry} as ${username}: stored in ${where}\n`;
}
