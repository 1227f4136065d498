import type { InferredOptionTypes } from 'yargs';
import { LadingError, type LogoutResult, logout } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { CONNECTION_OPTIONS, type CommandOption, type GlobalArguments } from './options.js';
import { eventsTo } from './progress.js';

const OPTIONS = {
  all: { type: 'boolean', default: false, describe: 'Remove the logins of all registries' },
  authfile: { ...CONNECTION_OPTIONS.authfile, describe: 'Remove it only from this file' },
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { HOST?: string };

export const logoutCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    HOST: { type: 'string', describe: 'HOST[:PORT]; default docker.io' },
  },
  examples: [
    {
      line: 'lading logout registry.local:5000',
      summary: "in docker's and podman's files and their helpers",
    },
    { line: 'lading logout --all', summary: 'every login in these files' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    if (flags.all && flags.HOST !== undefined)
      throw new LadingError('USAGE', `--all is for every registry, not for ${flags.HOST}`);
    const host = flags.all ? undefined : (flags.HOST ?? 'docker.io');
    const authFile = flags.authfile ?? (host === undefined ? undefined : flags.registries?.[host]?.authFile);
    const places = { authFile, registries: flags.registries };
    const result = await logout(host, {
      places,
      signal,
      onEvent: eventsTo(output, flags),
    });
    output.result(result, () => describeLogout(result));
    return EXIT.done;
  },
};

function describeLogout({ registry, removed }: LogoutResult): string {
  if (removed.length === 0)
    return `${registry === undefined ? 'there was no login' : `there was no login for ${registry}`}\n`;
  return removed
    .map(({ file, keys, helpers }) => {
      const what = [...keys, ...helpers.map((helper) => `${helper}'s`)].join(', ');
      return `removed from ${file}: ${what}\n`;
    })
    .join('');
}
