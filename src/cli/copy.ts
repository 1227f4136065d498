import type { InferredOptionTypes } from 'yargs';
import { type CopyImagesResult, copyImages } from '../index.js';
import { BUCKET_WRITE_OPTIONS, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  ARCHIVE_LIMIT_OPTIONS,
  archiveLimitOptions,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  INDEX_OPTION,
  PLATFORM_OPTION,
  platformsOf,
  SELECT_OPTION,
  STRICT_OPTION,
  TAG_DIGESTS_OPTION,
} from './options.js';
import { withProgress } from './progress.js';

const OPTIONS = {
  select: SELECT_OPTION,
  platform: PLATFORM_OPTION,
  index: INDEX_OPTION,
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  clobber: {
    type: 'boolean',
    default: true,
    describe: 'Move tags that name another image; --no-clobber refuses',
  },
  'tag-digests': TAG_DIGESTS_OPTION,
  'src-creds': {
    type: 'string',
    value: 'LOGIN',
    requiresArg: true,
    describe: 'USER[:PASSWORD] for the registry of SRC',
    group: 'Registry:',
  },
  'dest-creds': {
    type: 'string',
    value: 'LOGIN',
    requiresArg: true,
    describe: 'USER[:PASSWORD] for the registry of DST',
    group: 'Registry:',
  },
  ...ARCHIVE_LIMIT_OPTIONS,
  ...STRICT_OPTION,
  ...CONNECTION_OPTIONS,
  ...BUCKET_WRITE_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { SRC: string; DST: string };

export const copyCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    SRC: { type: 'string', demandOption: true, describe: 'A locator, a path, or an image' },
    DST: {
      type: 'string',
      demandOption: true,
      describe: 'docker://…, oci:DIR[:REF], oci-archive:FILE, docker-archive:FILE, or a path',
    },
  },
  examples: [
    {
      line: 'lading copy docker://a.local/app:1 docker://b.local/app:1',
      summary: 'registry to registry, nothing on the disk',
    },
    { line: 'lading copy images.tar oci:layout', summary: 'an archive into a layout' },
    { line: 'lading copy docker-daemon:app:1 app.tar', summary: 'an image of the Docker engine here' },
    {
      line: 'lading copy images.tar docker://b.local:5000',
      summary: 'an archive into a registry, each under its own path',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await withProgress(flags, output, ({ onEvent }) =>
      copyImages({
        strict: flags.strict,
        ...connectionOptions(flags, output.warning),
        ...archiveLimitOptions(flags),
        source: flags.SRC,
        destination: flags.DST,
        select: flags.select,
        platforms: platformsOf(flags.platform),
        index: flags.index,
        referrers: flags.referrers,
        noClobber: !flags.clobber,
        tagDigests: flags['tag-digests'],
        signal,
        onEvent,
      }),
    );
    output.result(result, () => describeCopied(result));
    return EXIT.done;
  },
};

function describeCopied({ images, blobs, bytes }: CopyImagesResult): string {
  const rows = images.map(({ name, copied, digest }) => [name, '->', copied, digest]);
  const present = blobs.present > 0 ? `, ${plural(blobs.present, 'blob')} already there` : '';
  return `${formatTable(rows)}${plural(images.length, 'image')}: ${formatBytes(bytes.copied)} copied${present}\n`;
}
