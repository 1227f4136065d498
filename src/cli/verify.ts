import type { InferredOptionTypes } from 'yargs';
import { type VerifyResult, verify } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  type CommandOption,
  type GlobalArguments,
  LIMIT_OPTIONS,
  limitOptions,
  wholeNumber,
} from './options.js';
import { createProgress } from './progress.js';

const OPTIONS = {
  concurrency: {
    type: 'number',
    requiresArg: true,
    describe: 'Threads that hash',
    defaultDescription: 'one a core',
  },
  'diff-ids': {
    type: 'boolean',
    default: true,
    describe: 'Decompress layers and compare them with their configs',
  },
  ...LIMIT_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { PATH: string };

export const verifyCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    PATH: {
      type: 'string',
      demandOption: true,
      describe: 'An archive, a layout, or a JSON document',
    },
  },
  examples: [
    { line: 'lading verify images.tar', summary: 'every blob, manifest and index of an archive' },
    { line: 'lading verify images.tar --no-diff-ids', summary: 'digests alone, as fast as the disk allows' },
    { line: 'lading verify manifest.json', summary: 'what a single document is, and whether it is right' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await verify(flags.PATH, {
      concurrency: wholeNumber('concurrency', flags.concurrency, 1),
      diffIDs: flags['diff-ids'],
      ...limitOptions(flags),
      signal,
      onEvent: (await createProgress(flags, output, { hasBar: false })).onEvent,
    });
    output.result(result, () => describeVerified(flags.PATH, result));
    return result.ok ? EXIT.done : EXIT.content;
  },
};

function describeVerified(path: string, { ok, checked, documents, findings, notes }: VerifyResult): string {
  const isSingle = checked.blobs === 0 && documents.length === 1;
  const single = isSingle
    ? formatTable(documents.map(({ kind, digest, mediaType }) => [kind, digest, mediaType]))
    : '';
  const signatures = formatTable(documents.flatMap(describeSignatures));
  const found = formatTable(
    findings.map(({ code, digest, path: place, message }) => [code, digest ?? place ?? '', message]),
  );
  const what = `${plural(checked.manifests, 'manifest')}, ${plural(checked.blobs, 'blob')}, ${formatBytes(checked.bytes)}`;
  const verdict = ok ? 'all right' : plural(findings.length, 'finding');
  return `${single}${signatures}${found}${describeNotes(notes)}${path}: ${isSingle ? documents[0]?.kind : what}: ${verdict}\n`;
}

function describeSignatures({ digest, signatures = [] }: VerifyResult['documents'][number]): string[][] {
  return signatures.map(({ keyId = 'unreadable key', algorithm, valid }) => [
    'signature',
    digest,
    algorithm,
    keyId,
    valid ? 'holds' : 'does NOT hold',
  ]);
}

/**
 * Shows the first note of each kind and the number of others: an archive of Docker has a stray file for every layer.
 */
function describeNotes(notes: VerifyResult['notes']): string {
  const kinds = new Map<string, VerifyResult['notes']>();
  for (const note of notes) kinds.set(note.code, [...(kinds.get(note.code) ?? []), note]);
  const rows = [...kinds].map(([code, [first, ...others]]) => {
    const more = others.length > 0 ? `, and ${others.length} more like it` : '';
    return ['note', code, `${first?.message}${more}`];
  });
  return formatTable(rows);
}
