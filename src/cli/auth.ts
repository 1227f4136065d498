import type { InferredOptionTypes } from 'yargs';
import { type CredentialExplanation, type ExplainedPlace, explainCredentials } from '../index.js';
import type { CommandModule } from './command.js';
import { parseCredentials } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { formatTable } from './format.js';
import { CONNECTION_OPTIONS, type CommandOption, type GlobalArguments } from './options.js';

const OPTIONS = {
  creds: CONNECTION_OPTIONS.creds,
  authfile: CONNECTION_OPTIONS.authfile,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { HOST: string };

export const authCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    HOST: { type: 'string', demandOption: true, describe: 'HOST[:PORT], or HOST/REPOSITORY' },
  },
  examples: [
    {
      line: 'lading auth registry.local:5000',
      summary: 'the login that lading uses there, and where it is stored',
    },
    {
      line: 'lading auth quay.io/team/app',
      summary: 'the same for a repository, which may have its own login',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const { credentials } = parseCredentials(flags, process.env, output.warning);
    const result = await explainCredentials(flags.HOST, {
      credentials,
      places: { authFile: flags.authfile, registries: flags.registries },
      signal,
    });
    output.result(result, () => describeExplanation(result));
    return EXIT.done;
  },
};

function describeExplanation({ registry, repository, places }: CredentialExplanation): string {
  const name = repository === undefined ? registry : `${registry}/${repository}`;
  const used = places.find(({ state }) => state === 'used');
  const invalid = places.find(({ state }) => state === 'invalid');
  const head =
    used !== undefined
      ? `${name}: ${who(used)}, from ${used.place}`
      : invalid !== undefined
        ? `${name}: no login can be used because ${invalid.place} is invalid`
        : `${name}: no login (anonymous)`;
  const rows = places.map((place, index) => [`  ${index + 1}`, place.place, describeState(place)]);
  return `${head}\n${formatTable(rows)}`;
}

function describeState(place: ExplainedPlace): string {
  const { state, helper, problem = '' } = place;
  const by = helper === undefined ? '' : ` from ${helper}`;
  switch (state) {
    case 'used':
      return `used: ${who(place)}${by}`;
    case 'later':
      return helper === undefined ? `not used, has one too: ${who(place)}` : `not asked: ${helper}`;
    case 'none':
      return `no login${by}`;
    case 'missing':
      return 'does not exist';
    case 'failed':
    case 'invalid':
      return problem;
  }
}

function who({ username, kind }: ExplainedPlace): string {
  const what = kind === 'identity token' ? 'an identity token' : `a ${kind}`;
  return username === undefined || username === '' ? what : `${username} with ${what}`;
}
