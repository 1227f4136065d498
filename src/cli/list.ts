import type { InferredOptionTypes } from 'yargs';
import { type ListResult, list, printable } from '../index.js';
import { BUCKET_OPTIONS, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatImages } from './list-table.js';
import {
  ARCHIVE_LIMIT_OPTIONS,
  archiveLimitOptions,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  FORMAT_OPTION,
  type GlobalArguments,
  PLATFORM_OPTION,
  platformsOf,
  SELECT_OPTION,
} from './options.js';
import { withProgress } from './progress.js';
import type { Shape } from './shape.js';
import { LISTED_IMAGE, LISTED_REPOSITORY, LISTED_TAG } from './shapes.js';
import type { Template } from './template.js';
import { templateOf } from './template-flag.js';

const OPTIONS = {
  attachments: {
    type: 'boolean',
    default: false,
    describe: 'Signatures, SBOMs and attestations as entries too',
  },
  select: SELECT_OPTION,
  platform: { ...PLATFORM_OPTION, isOwn: true }, // a setting that is meant for saves must not shorten lists
  digests: { type: 'boolean', default: false, describe: 'Whole digests, on a terminal too' },
  format: FORMAT_OPTION,
  ...ARCHIVE_LIMIT_OPTIONS,
  ...CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SOURCE: string };

export const listCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SOURCE: { type: 'string', demandOption: true, describe: 'PATH, HOST/REPOSITORY or HOST' },
  },
  examples: [
    { line: 'lading ls images.tar', summary: 'the images of an archive' },
    { line: "lading ls images.tar --format '{{.Name}} {{.Digest}}'", summary: 'for scripts; --json has all' },
    { line: 'lading ls images.tar --platform linux/arm64', summary: 'the images that there are for arm64' },
    { line: 'lading ls docker.io/library/alpine', summary: 'the tags of a repository' },
    {
      line: "lading ls alpine --select '{>=3.19, newest 2}'",
      summary: 'what a pattern of tags takes, see docs/lists.md',
    },
    { line: 'lading ls registry.local:5000', summary: 'the repositories of a registry' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const template = await templateOf(flags);
    const result = await withProgress(flags, output, ({ onEvent }) =>
      list(flags.SOURCE, {
        ...connectionOptions(flags, output.warning),
        ...archiveLimitOptions(flags),
        attachments: flags.attachments,
        select: flags.select,
        platforms: platformsOf(flags.platform),
        signal,
        onEvent,
      }),
    );
    const printed = template && printList(template, result);
    output.result(
      result,
      () => printed ?? describeList(result, { width: output.width, digests: flags.digests }),
    );
    const problems = result.kind === 'images' ? result.images.filter(({ problem }) => problem) : [];
    if (!flags.json) for (const { name, problem } of problems) output.warning(`${name}: ${problem}`);
    return problems.length > 0 ? EXIT.content : EXIT.done;
  },
};

/** Throws `USAGE` for a name that the entries do not have. */
function printList(template: Template, result: ListResult): string {
  const [documents, shape] = documentsOf(result);
  template.check(shape);
  return template.print(documents, shape);
}

function documentsOf(result: ListResult): [documents: object[], shape: Shape] {
  switch (result.kind) {
    case 'images':
      return [result.images, LISTED_IMAGE];
    case 'tags': {
      const { repository } = result;
      return [result.tags.map((tag) => ({ name: `${repository}:${tag}`, repository, tag })), LISTED_TAG];
    }
    case 'repositories': {
      const { registry } = result;
      const documents = result.repositories.map((repository) => ({
        name: `${registry}/${repository}`,
        registry,
        repository,
      }));
      return [documents, LISTED_REPOSITORY];
    }
  }
}

function describeList(result: ListResult, look: { width: number | undefined; digests: boolean }): string {
  switch (result.kind) {
    case 'images':
      return formatImages(result, look);
    case 'tags':
      return formatLines(result.tags);
    case 'repositories':
      // In full, so that save takes what is printed.
      return formatLines(result.repositories.map((repository) => `${result.registry}/${repository}`));
  }
}

/** One name a line, without a header: scripts read this. */
function formatLines(names: readonly string[]): string {
  return names.map((name) => `${printable(name)}\n`).join('');
}
