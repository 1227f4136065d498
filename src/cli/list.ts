import type { InferredOptionTypes } from 'yargs';
import { type ListedImage, type ListResult, list } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatTable } from './format.js';
import {
  ARCHIVE_LIMIT_OPTIONS,
  archiveLimitOptions,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
} from './options.js';
import { withProgress } from './progress.js';

const OPTIONS = {
  attachments: { type: 'boolean', default: false, describe: 'Also signatures, SBOMs and attestations' },
  ...ARCHIVE_LIMIT_OPTIONS,
  ...CONNECTION_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SOURCE: string };

export const listCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SOURCE: { type: 'string', demandOption: true, describe: 'PATH, HOST/REPOSITORY or HOST' },
  },
  examples: [
    { line: 'lading ls images.tar', summary: 'the images of an archive' },
    { line: 'lading ls docker.io/library/alpine', summary: 'the tags of a repository' },
    { line: 'lading ls registry.local:5000', summary: 'the repositories of a registry' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await withProgress(flags, output, ({ onEvent }) =>
      list(flags.SOURCE, {
        ...connectionOptions(flags, output.warning),
        ...archiveLimitOptions(flags),
        attachments: flags.attachments,
        signal,
        onEvent,
      }),
    );
    output.result(result, () => describeList(result));
    const problems = result.kind === 'images' ? result.images.filter(({ problem }) => problem) : [];
    if (!flags.json) for (const { name, problem } of problems) output.warning(`${name}: ${problem}`);
    return problems.length > 0 ? EXIT.content : EXIT.done;
  },
};

function contentOf({ platforms, mediaType, isBlob, problem }: ListedImage): string {
  if (problem !== undefined) return 'DAMAGED';
  return isBlob ? `blob, ${mediaType}` : platforms.join(',');
}

function describeList(result: ListResult): string {
  switch (result.kind) {
    case 'images':
      return formatTable(result.images.map((image) => [image.name, image.digest ?? '-', contentOf(image)]));
    case 'tags':
      return formatTable(result.tags.map((tag) => [tag]));
    case 'repositories':
      return formatTable(result.repositories.map((repository) => [repository]));
  }
}
