import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import type { InferredOptionTypes } from 'yargs';
import {
  type CarriedProgram,
  LadingError,
  parseImageList,
  readFailure,
  type SaveOptions,
  type SaveResult,
  save,
} from '../index.js';
import type { CommandModule } from './command.js';
import { parseCompression } from './compression.js';
import { failuresOf, resultWithFailures } from './failures.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  BUCKET_WRITE_OPTIONS,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  platformsOf,
  STRICT_OPTION,
} from './options.js';
import { withProgress } from './progress.js';
import type { Carrier } from './with-program.js';

/** Flags of commands that write an archive or a layout. */
export const OUTPUT_OPTIONS = {
  output: {
    alias: 'o',
    type: 'string',
    demandOption: true,
    value: 'OUT',
    requiresArg: true,
    describe: 'File, directory (DIR/), or - for standard output',
  },
  format: {
    choices: ['universal', 'oci-archive', 'oci', 'docker-archive'],
    requiresArg: true,
    describe: 'Format of the output, see lading help formats',
    defaultDescription: 'oci for a directory, else universal',
  },
  platform: {
    type: 'string',
    array: true,
    value: 'OS/ARCH',
    nargs: 1, // otherwise it consumes the arguments that follow
    defaultDescription: 'all', // with a real default, yargs would accept the flag without a value
    describe: 'all, or OS/ARCH[/VARIANT][:VERSION], several with commas',
  },
  'docker-legacy': {
    type: 'boolean',
    default: false,
    describe: 'Add what Docker before 1.10 reads to a docker-archive',
  },
  'compress-archive': {
    type: 'string',
    requiresArg: true,
    describe: 'Compress the whole archive: gzip[:LEVEL] or zstd[:LEVEL]',
    defaultDescription: 'by the name of the file',
  },
  append: { type: 'boolean', default: false, describe: 'Add to an existing archive or layout' },
  'docker-platform': {
    type: 'string',
    value: 'OS/ARCH',
    requiresArg: true,
    describe: "Platform of an index that stands in Docker's half of an archive",
    defaultDescription: 'linux/amd64',
  },
} as const satisfies Record<string, CommandOption>;

/** Converts the flag for the compression of an archive to options of the library; throws `USAGE`. */
export function archiveCompressionOptions(argv: {
  'compress-archive'?: string | undefined;
}): Pick<SaveOptions, 'archiveCompression' | 'archiveCompressionLevel'> {
  const text = argv['compress-archive'];
  if (text === undefined) return {};
  const { form, level } = parseCompression('compress-archive', text, ['gzip', 'zstd', 'none']);
  return { archiveCompression: form, archiveCompressionLevel: level };
}

const OPTIONS = {
  ...OUTPUT_OPTIONS,
  file: {
    alias: 'f',
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Read image names from a file, one per line; - for standard input',
  },
  'all-tags': {
    alias: 'a',
    type: 'boolean',
    default: false,
    describe: 'Save every tag of repositories that are named without a tag',
  },
  index: {
    choices: ['sparse', 'rewrite'],
    requiresArg: true,
    describe: 'With --platform: keep the index, or write a smaller one',
    defaultDescription: 'rewrite',
  },
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  'include-foreign': {
    type: 'boolean',
    default: false,
    describe: 'Fetch foreign layers too, from the registry or from their URLs, without credentials',
  },
  'with-program': {
    type: 'string',
    value: '[=ARCH|FILE]',
    bareValue: 'this',
    describe: 'Put the executable of lading, SHA256SUMS and READ-ME-FIRST.txt beside the archive',
  },
  'keep-going': { type: 'boolean', default: false, describe: 'Save the other images when one fails' },
  ...STRICT_OPTION,
  ...CONNECTION_OPTIONS,
  ...BUCKET_WRITE_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { IMAGE?: string[] };

export const saveCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    IMAGE: {
      type: 'string',
      array: true,
      describe: '[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]',
    },
  },
  examples: [
    { line: 'lading save alpine:3.20 -o alpine.tar', summary: 'one image, all platforms' },
    {
      line: 'lading save -f images.txt -o images.tar --platform linux/amd64',
      summary: 'a list, one platform',
    },
    { line: 'lading save ghcr.io/org/app:1 -o layout/ --append', summary: 'into a layout directory' },
    { line: 'lading save busybox -o - | docker load', summary: 'without a file' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const images = [...(flags.IMAGE ?? []), ...(await listedImages(flags.file))];
    if (images.length === 0)
      throw new LadingError('USAGE', 'no image was named', {
        hint: 'Name images after the command, or a list of them with --file.',
      });
    const carrier = await carrierOf(flags);
    const target = flags.output === '-' ? output.reserveStdout() : flags.output;
    const result = await withProgress(flags, output, ({ onEvent }) =>
      save({
        strict: flags.strict,
        ...connectionOptions(flags, output.warning),
        images,
        output: target,
        format: flags.format,
        allTags: flags['all-tags'],
        platforms: platformsOf(flags.platform),
        index: flags.index,
        append: flags.append,
        ...archiveCompressionOptions(flags),
        referrers: flags.referrers,
        includeForeign: flags['include-foreign'],
        dockerPlatform: flags['docker-platform'],
        dockerLegacy: flags['docker-legacy'],
        keepGoing: flags['keep-going'],
        signal,
        onEvent,
      }),
    );
    const carried = result.images.length === 0 ? undefined : await carrier?.carry(signal);
    const shown = { ...result, ...(carried && { carried }) };
    return resultWithFailures(output, shown, {
      text: () => describeSaved(result) + describeCarried(carried),
      isJSON: flags.json,
    });
  },
};

async function listedImages(file: string | undefined): Promise<string[]> {
  if (file === undefined) return [];
  if (file === '-') return parseImageList(await readText(process.stdin));
  try {
    return parseImageList(await readFile(file, 'utf8'));
  } catch (error) {
    throw readFailure(`the list ${file}`, error);
  }
}

function describeSaved(result: SaveResult): string {
  const { images, output, blobs, bytes } = result;
  const rows = images.map((image) => [
    image.name,
    image.digest,
    formatBytes(image.size),
    ...(image.originalDigest === undefined ? [] : [`(at the registry ${image.originalDigest})`]),
  ]);
  const reused = blobs.reused > 0 ? `, ${plural(blobs.reused, 'blob')} already there` : '';
  const where = output === '-' ? 'standard output' : output;
  return `${formatTable(rows)}${failuresOf(result)}${plural(images.length, 'image')} in ${where}: ${formatBytes(bytes.total)}, ${formatBytes(bytes.fetched)} fetched${reused}\n`;
}

/** It is loaded only where it is used. */
async function carrierOf(flags: Arguments): Promise<Carrier | undefined> {
  const wanted = flags['with-program'];
  if (wanted === undefined) return undefined;
  const { prepareCarrying } = await import('./with-program.js');
  return prepareCarrying(wanted, flags.output);
}

function describeCarried(carried: CarriedProgram | undefined): string {
  if (carried === undefined) return '';
  return `beside it: ${Object.values(carried)
    .map((path) => basename(path))
    .join(', ')}\n`;
}
