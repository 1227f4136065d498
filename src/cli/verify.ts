import type { InferredOptionTypes, Options } from 'yargs';
import { type VerifyResult, verify } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import { type GlobalArguments, wholeNumber } from './options.js';

const OPTIONS = {
  concurrency: {
    type: 'number',
    requiresArg: true,
    describe: 'Threads that hash',
    defaultDescription: 'one a core',
  },
} as const satisfies Record<string, Options>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { PATH: string };

export const verifyCommand: CommandModule = {
  options: OPTIONS,
  describe: (yargs) =>
    yargs
      .positional('PATH', {
        type: 'string',
        demandOption: true,
        describe: 'An archive, a layout, or a JSON document',
      })
      .example('$0 verify images.tar', 'every blob, manifest and index of an archive')
      .example('$0 verify manifest.json', 'what a single document is, and whether it is right'),
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await verify(flags.PATH, {
      concurrency: wholeNumber('concurrency', flags.concurrency, 1),
      signal,
      onWarning: output.warning,
    });
    output.result(result, () => describeVerified(flags.PATH, result));
    return result.ok ? EXIT.done : EXIT.content;
  },
};

function describeVerified(path: string, { ok, checked, documents, findings }: VerifyResult): string {
  const single =
    checked.blobs === 0 && documents.length === 1
      ? formatTable(documents.map(({ kind, digest, mediaType }) => [kind, digest, mediaType]))
      : '';
  const found = formatTable(
    findings.map(({ code, digest, path: place, message }) => [code, digest ?? place ?? '', message]),
  );
  const what = `${plural(checked.manifests, 'manifest')}, ${plural(checked.blobs, 'blob')}, ${formatBytes(checked.bytes)}`;
  return `${single}${found}${path}: ${what}: ${ok ? 'all right' : plural(findings.length, 'finding')}\n`;
}
