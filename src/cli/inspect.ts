import type { InferredOptionTypes } from 'yargs';
import { type InspectResult, inspect, LadingError, readDocument } from '../index.js';
import { BUCKET_OPTIONS, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatAttached, formatInspected, type Look } from './inspect-table.js';
import { formatHistory, formatWhole } from './inspect-whole.js';
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
} from './options.js';
import type { Output } from './output.js';
import { withProgress } from './progress.js';
import { INSPECTED_IMAGE } from './shapes.js';
import { templateOf } from './template-flag.js';

const OPTIONS = {
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  platform: PLATFORM_OPTION,
  raw: {
    type: 'boolean',
    default: false,
    describe: 'The manifest or index, byte for byte; with --platform that of one image',
  },
  'image-config': {
    type: 'boolean',
    default: false,
    describe: 'The config, byte for byte, of linux/amd64 or the first image, or of --platform',
  },
  history: { type: 'boolean', default: false, describe: 'The steps of each image, with their layers' },
  attachments: {
    type: 'boolean',
    default: false,
    describe: 'Only what is attached, also to the images of the platforms, with sizes',
  },
  digests: { type: 'boolean', default: false, describe: 'Whole digests, on a terminal too' },
  format: FORMAT_OPTION,
  ...ARCHIVE_LIMIT_OPTIONS,
  ...CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SOURCE: string; REF?: string };

/** Flags that show something else than the whole; at most one of them can be given. */
const VIEWS = ['raw', 'image-config', 'history', 'attachments', 'format'] as const;

export const inspectCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SOURCE: { type: 'string', demandOption: true, describe: 'PATH or IMAGE' },
    REF: { type: 'string', describe: 'One image of PATH' },
  },
  examples: [
    { line: 'lading inspect images.tar', summary: 'each image and its platforms, or all of a single image' },
    { line: 'lading inspect images.tar alpine:3.20', summary: 'all of one image; with --json as data' },
    { line: 'lading inspect ghcr.io/org/app:1 --attachments', summary: 'signatures, SBOMs and attestations' },
    { line: 'lading inspect ghcr.io/org/app:1 --raw', summary: 'the manifest, whose SHA-256 is the digest' },
    {
      line: "lading inspect app.tar --format '{{range .Platforms}}{{.Config.User}}{{end}}'",
      summary: 'a part, for scripts',
    },
  ],
  epilogue: '--config names a configuration of lading; --image-config prints the config of an image.',
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    refuseSeveralViews(flags);
    const template = await templateOf(flags);
    template?.check(INSPECTED_IMAGE);
    const options = {
      ...connectionOptions(flags, output.warning),
      ...archiveLimitOptions(flags),
      reference: flags.REF,
      signal,
    };
    if (flags.raw || flags['image-config']) {
      const document = flags.raw ? 'manifest' : 'config';
      const platform = onePlatform(flags.platform);
      const { bytes } = await withProgress(flags, output, ({ onEvent }) =>
        readDocument(flags.SOURCE, { ...options, document, platform, onEvent }),
      );
      output.bytes(bytes);
      return EXIT.done;
    }
    const result = await withProgress(flags, output, ({ onEvent }) =>
      inspect(flags.SOURCE, {
        ...options,
        referrers: flags.referrers,
        attachments: flags.attachments,
        platforms: platformsOf(flags.platform),
        onEvent,
      }),
    );
    output.result(
      result,
      () => template?.print(result.images, INSPECTED_IMAGE) ?? describe(result, flags, output),
    );
    const problems = result.images.filter(({ problem }) => problem !== undefined);
    if (result.images.length > 1 && !flags.json)
      for (const { name, problem } of problems) output.warning(`${name}: ${problem}`);
    return problems.length > 0 ? EXIT.content : EXIT.done;
  },
};

function refuseSeveralViews(flags: Arguments): void {
  const [first, second] = [...VIEWS.filter((view) => flags[view])];
  if (first !== undefined && second !== undefined)
    throw new LadingError('USAGE', `--${first} and --${second} exclude each other`);
  if (flags.json && (flags.raw || flags['image-config']))
    throw new LadingError('USAGE', `--json and --${first} exclude each other`);
}

/** Returns the platform of a single document. */
function onePlatform(flag: readonly string[] | undefined): string | undefined {
  const [platform, ...others] = platformsOf(flag) ?? [];
  if (others.length > 0) throw new LadingError('USAGE', 'a document is that of one --platform');
  return platform;
}

/** All of a single image, a row for each platform of several. */
function describe(result: InspectResult, flags: Arguments, { width }: Output): string {
  const look: Look = { width, digests: flags.digests };
  const { images } = result;
  if (flags.attachments) return formatAttached(result, look);
  if (flags.history) return images.map((image) => formatHistory(image, look)).join('\n');
  const [only, ...others] = images;
  return only !== undefined && others.length === 0 ? formatWhole(only, look) : formatInspected(result, look);
}
