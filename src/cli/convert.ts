import type { InferredOptionTypes } from 'yargs';
import { type ConvertResult, convert } from '../index.js';
import { BUCKET_WRITE_OPTIONS, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { parseCompression } from './compression.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  LIMIT_OPTIONS,
  limitOptions,
  platformsOf,
  STRICT_OPTION,
  TAG_DIGESTS_OPTION,
} from './options.js';
import { withProgress } from './progress.js';
import { archiveCompressionOptions, OUTPUT_OPTIONS } from './save.js';

const OPTIONS = {
  to: { choices: ['oci', 'docker', 'schema1'], demandOption: true, describe: 'Format of the manifests' },
  ...OUTPUT_OPTIONS,
  compression: {
    type: 'string',
    requiresArg: true,
    default: 'keep',
    describe: 'Compression of layers: keep, none, gzip[:1-9] or zstd[:1-19]',
  },
  'verify-signature': {
    type: 'boolean',
    default: false,
    describe: 'Refuse schema1 images with an invalid signature',
  },
  key: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Key that signs schema1 (PEM)',
    defaultDescription: 'made for the run',
  },
  'keep-original': {
    type: 'boolean',
    default: false,
    describe: 'Keep the original image beside the converted one',
  },
  'tag-digests': TAG_DIGESTS_OPTION,
  force: { type: 'boolean', default: false, describe: 'Convert even if a subject is lost' },
  ...LIMIT_OPTIONS,
  ...STRICT_OPTION,
  ...CONNECTION_OPTIONS,
  ...BUCKET_WRITE_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SRC: string; REF?: string };

export const convertCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SRC: {
      type: 'string',
      demandOption: true,
      describe: 'An archive, a layout, or an image',
    },
    REF: { type: 'string', describe: 'One image of SRC' },
  },
  examples: [
    { line: 'lading convert old.tar -o new.tar --to oci', summary: 'everything in an archive' },
    {
      line: 'lading convert docker://old.registry/app:1 -o app.tar --to docker',
      summary: 'an image of a registry',
    },
    {
      line: 'lading convert images.tar app:1 -o app/ --to schema1',
      summary: 'one image, for Docker before 1.10',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const compression = parseCompression('compression', flags.compression, ['keep', 'none', 'gzip', 'zstd']);
    const target = flags.output === '-' ? output.reserveStdout() : flags.output;
    const result = await withProgress(flags, output, ({ onEvent }) =>
      convert({
        strict: flags.strict,
        ...connectionOptions(flags, output.warning),
        source: flags.SRC,
        reference: flags.REF,
        output: target,
        to: flags.to,
        format: flags.format,
        platforms: platformsOf(flags.platform),
        append: flags.append,
        ...archiveCompressionOptions(flags),
        dockerPlatform: flags['docker-platform'],
        dockerLegacy: flags['docker-legacy'],
        compression: compression.form,
        compressionLevel: compression.level,
        verifySignature: flags['verify-signature'],
        signing: { keyFile: flags.key },
        tagDigests: flags['tag-digests'],
        keepOriginal: flags['keep-original'],
        force: flags.force,
        ...limitOptions(flags),
        signal,
        onEvent,
      }),
    );
    output.result(result, () => describeConverted(result));
    if (!flags.json)
      for (const { name, lost } of result.images)
        for (const line of lost) output.warning(`${name}: lost: ${line}`);
    return EXIT.done;
  },
};

function describeConverted({ images, output, bytes }: ConvertResult): string {
  const rows = images.flatMap(({ name, written, from, to, signature }) => [
    [written === name ? name : `${name} -> ${written}`],
    ['  from', from.digest, from.mediaType, describeSignature(signature)],
    ['  to', to.digest, to.mediaType],
  ]);
  const where = output === '-' ? 'standard output' : output;
  return `${formatTable(rows)}${plural(images.length, 'image')} in ${where}: ${formatBytes(bytes.total)}\n`;
}

function describeSignature(signature: ConvertResult['images'][number]['signature']): string {
  if (signature === null) return '';
  return signature.valid ? `signature holds, key ${signature.keyId}` : 'signature does NOT hold';
}
