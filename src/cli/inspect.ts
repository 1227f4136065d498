import type { InferredOptionTypes, Options } from 'yargs';
import { formatPlatform, type InspectResult, inspect, printable } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable } from './format.js';
import { CONNECTION_OPTIONS, connectionOptions, type GlobalArguments } from './options.js';

const OPTIONS = { ...CONNECTION_OPTIONS } as const satisfies Record<string, Options>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SOURCE: string; REF?: string };
type Image = InspectResult['images'][number];

export const inspectCommand: CommandModule = {
  options: OPTIONS,
  describe: (yargs) =>
    yargs
      .positional('SOURCE', { type: 'string', demandOption: true, describe: 'PATH or IMAGE' })
      .positional('REF', { type: 'string', describe: 'One image of PATH' })
      .example('$0 inspect images.tar', 'everything in an archive')
      .example('$0 inspect images.tar alpine:3.20 --json', 'one image, with its config')
      .example('$0 inspect ghcr.io/org/app:1', 'an image of a registry'),
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await inspect(flags.SOURCE, {
      ...connectionOptions(flags, output.warning),
      reference: flags.REF,
      signal,
    });
    output.result(result, () => result.images.map(describeImage).join('\n'));
    return EXIT.done;
  },
};

function describeImage({ name, digest, mediaType, size, platforms, absent, referrers }: Image): string {
  const head = [
    [name],
    ['  digest', digest],
    ['  type', mediaType],
    ['  size', formatBytes(size)],
    ...referrers.map((referrer) => [
      '  attached',
      referrer.digest,
      referrer.artifactType ?? referrer.tag ?? '',
    ]),
    ...absent.map((child) => ['  left out', child]),
  ];
  return formatTable(head) + platforms.map(describePlatform).join('');
}

function describePlatform(platform: Image['platforms'][number]): string {
  const { layers, config, history } = platform;
  const title = platform.os === '' ? 'no platform' : formatPlatform(platform);
  const facts = [
    ['user', config.User],
    ['workdir', config.WorkingDir],
    ['entrypoint', config.Entrypoint && JSON.stringify(config.Entrypoint)],
    ['command', config.Cmd && JSON.stringify(config.Cmd)],
    ['ports', config.ExposedPorts && Object.keys(config.ExposedPorts).join(' ')],
    ['created', history.findLast(({ created }) => created !== undefined)?.created],
  ].filter(([, value]) => value);
  return [
    `  ${printable(title)}  ${platform.digest}  ${formatBytes(platform.size)}\n`,
    formatTable(facts.map(([key, value]) => [`    ${key}`, value ?? ''])),
    formatTable(
      layers.map((layer) => [
        '    layer',
        layer.digest,
        layer.size === undefined ? '' : formatBytes(layer.size),
        layer.createdBy ?? '',
      ]),
    ),
  ].join('');
}
