import type { InferredOptionTypes } from 'yargs';
import { formatPlatform, type InspectResult, inspect, printable } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable } from './format.js';
import {
  ARCHIVE_LIMIT_OPTIONS,
  archiveLimitOptions,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  platformsOf,
} from './options.js';
import { withProgress } from './progress.js';

const OPTIONS = {
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  platform: {
    type: 'string',
    array: true,
    value: 'OS/ARCH',
    nargs: 1, // otherwise it consumes the arguments that follow
    defaultDescription: 'all',
    describe: 'all, or OS/ARCH[/VARIANT][:VERSION], several with commas',
  },
  ...ARCHIVE_LIMIT_OPTIONS,
  ...CONNECTION_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SOURCE: string; REF?: string };
type Image = InspectResult['images'][number];

export const inspectCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SOURCE: { type: 'string', demandOption: true, describe: 'PATH or IMAGE' },
    REF: { type: 'string', describe: 'One image of PATH' },
  },
  examples: [
    { line: 'lading inspect images.tar', summary: 'everything in an archive' },
    { line: 'lading inspect images.tar alpine:3.20 --json', summary: 'one image, with its config' },
    { line: 'lading inspect ghcr.io/org/app:1', summary: 'an image of a registry' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await withProgress(flags, output, ({ onEvent }) =>
      inspect(flags.SOURCE, {
        ...connectionOptions(flags, output.warning),
        ...archiveLimitOptions(flags),
        reference: flags.REF,
        referrers: flags.referrers,
        platforms: platformsOf(flags.platform),
        signal,
        onEvent,
      }),
    );
    output.result(result, () => result.images.map(describeImage).join('\n'));
    return result.images.some(({ problem }) => problem !== undefined) ? EXIT.content : EXIT.done;
  },
};

function describeImage(image: Image): string {
  const { name, digest, mediaType, size, platforms, blobs = [], absent, referrers, problem } = image;
  const head = [
    ...(digest === undefined ? [] : [['  digest', digest]]),
    ...(mediaType === undefined ? [] : [['  type', mediaType]]),
    ...(digest === undefined ? [] : [['  size', formatBytes(size)]]),
    ...(problem === undefined ? [] : [['  DAMAGED', problem]]),
    ...referrers.map((referrer) => [
      '  attached',
      referrer.digest,
      referrer.artifactType ?? referrer.tag ?? '',
    ]),
    ...blobs.map((blob) => ['  blob', blob.digest, formatBytes(blob.size), blob.mediaType]),
    ...absent.map((child) => ['  left out', child]),
  ];
  return `${printable(name)}\n${formatTable(head)}${platforms.map(describePlatform).join('')}`;
}

function describePlatform(platform: Image['platforms'][number]): string {
  const title = platform.os === '' ? 'no platform' : formatPlatform(platform);
  return [
    `  ${printable(title)}  ${platform.digest}  ${formatBytes(platform.size)}\n`,
    formatTable([...describeSignatures(platform), ...describeConfig(platform)]),
    formatTable(describeLayers(platform)),
    formatTable(describeHistory(platform)),
  ].join('');
}

function describeSignatures({ signatures = [] }: Image['platforms'][number]): string[][] {
  return signatures.map(({ keyId = 'unreadable key', algorithm, valid }) => [
    '    signature',
    `${valid ? 'holds' : 'does NOT hold'}, ${algorithm}, key ${keyId}`,
  ]);
}

function describeConfig({ config, history }: Image['platforms'][number]): string[][] {
  const facts = [
    ['created', history.findLast(({ created }) => created !== undefined)?.created],
    ['user', config.User],
    ['workdir', config.WorkingDir],
    ['entrypoint', config.Entrypoint && JSON.stringify(config.Entrypoint)],
    ['command', config.Cmd && JSON.stringify(config.Cmd)],
    ['ports', Object.keys(config.ExposedPorts ?? {}).join(' ')],
    ['volumes', Object.keys(config.Volumes ?? {}).join(' ')],
    ...(config.Env ?? []).map((variable) => ['env', variable]),
    ...Object.entries(config.Labels ?? {}).map(([label, value]) => ['label', `${label}=${value}`]),
  ];
  return facts.flatMap(([key, value]) => (value ? [[`    ${key}`, shorten(value)]] : []));
}

function describeLayers({ layers }: Image['platforms'][number]): string[][] {
  return layers.map(({ digest, size, mediaType }, place) => [
    `    layer ${place + 1}`,
    digest,
    size === undefined ? '' : formatBytes(size),
    mediaType,
  ]);
}

/** Lists the steps of the history, each with its layer if that is known. */
function describeHistory({ history, layers }: Image['platforms'][number]): string[][] {
  const isPaired = history.filter(({ empty_layer: isEmpty }) => !isEmpty).length === layers.length;
  let made = 0;
  return history.map((step) => {
    const layer = step.empty_layer ? '-' : isPaired ? `layer ${++made}` : '';
    return ['    step', layer, shorten(step.created_by ?? step.comment ?? '')];
  });
}

const LINE_LENGTH = 100;

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LINE_LENGTH ? line : `${line.slice(0, LINE_LENGTH - 1)}…`;
}
