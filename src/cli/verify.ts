import type { InferredOptionTypes } from 'yargs';
import { type VerifyOptions, type VerifyResult, verify } from '../index.js';
import { BUCKET_OPTIONS, bucketOptions, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  type CommandOption,
  type GlobalArguments,
  LIMIT_OPTIONS,
  limitOptions,
  PLATFORM_OPTION,
  platformsOf,
  SELECT_OPTION,
  wholeNumber,
} from './options.js';
import type { Output } from './output.js';
import { type Progress, withProgress } from './progress.js';

const OPTIONS = {
  select: SELECT_OPTION,
  platform: { ...PLATFORM_OPTION, isOwn: true }, // a setting that is meant for saves must not shorten the check
  concurrency: {
    type: 'number',
    requiresArg: true,
    describe: 'Threads that compute digests',
    defaultDescription: 'one a core',
  },
  'diff-ids': {
    type: 'boolean',
    default: true,
    describe: 'Decompress layers and compare them with their configs',
  },
  ...LIMIT_OPTIONS,
  ...BUCKET_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { PATH: string[] };

export const verifyCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    PATH: {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Archives, layouts, buckets (s3://…), or JSON documents',
    },
  },
  examples: [
    { line: 'lading verify images.tar', summary: 'every blob, manifest and index of an archive' },
    { line: 'lading verify one.tar two.tar layout/', summary: 'several, one after the other' },
    { line: 'lading verify images.tar --no-diff-ids', summary: 'digests alone, as fast as the disk allows' },
    { line: "lading verify images.tar --select 'ghcr.io/product/*'", summary: 'some of the images' },
    { line: 'lading verify images.tar --platform linux/arm64', summary: 'what these platforms need' },
    { line: 'lading verify manifest.json', summary: 'what a single document is, and whether it is right' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const options = {
      concurrency: wholeNumber('concurrency', flags.concurrency, 1),
      diffIDs: flags['diff-ids'],
      select: flags.select,
      platforms: platformsOf(flags.platform),
      ...limitOptions(flags),
      s3: bucketOptions(flags),
      signal,
    };
    const [only, ...others] = flags.PATH;
    if (only !== undefined && others.length === 0) {
      const result = await withProgress(flags, output, ({ onEvent }) =>
        verify(only, { ...options, onEvent }),
      );
      output.result(result, () => describeVerified(only, result));
      return result.ok ? EXIT.done : EXIT.content;
    }
    const results = await withProgress(flags, output, (progress) => verifyAll(flags.PATH, options, progress));
    return showAll(flags.PATH, results, output, flags.json);
  },
};

interface Verified {
  verified: { path: string; result: VerifyResult }[];
  failures: { path: string; error: unknown }[];
}

/** Verifies one path after the other. One that cannot be read does not keep the others from being verified. */
async function verifyAll(
  paths: readonly string[],
  options: VerifyOptions,
  { onEvent, begin }: Progress,
): Promise<Verified> {
  const results: Verified = { verified: [], failures: [] };
  for (const [index, path] of paths.entries()) {
    begin(`${path} (${index + 1} of ${paths.length})`);
    try {
      results.verified.push({ path, result: await verify(path, { ...options, onEvent }) });
    } catch (error) {
      options.signal?.throwIfAborted();
      results.failures.push({ path, error });
    }
  }
  return results;
}

function showAll(
  paths: readonly string[],
  { verified, failures }: Verified,
  output: Output,
  isJSON: boolean,
): number {
  if (!isJSON) for (const { error } of failures) output.error(error);
  const sound = verified.filter(({ result }) => result.ok).length;
  output.result(
    {
      ok: sound === paths.length,
      paths: [
        ...verified.map(({ path, result }) => ({ path, ...result })),
        ...failures.map(({ path, error }) => ({ path, ok: false, error: output.describe(error) })),
      ],
    },
    () =>
      `${verified.map(({ path, result }) => describeVerified(path, result)).join('')}${describeSound(sound, paths.length)}\n`,
  );
  if (verified.some(({ result }) => !result.ok)) return EXIT.content;
  return failures.length === 0 ? EXIT.done : exitCodeOf(failures[0]?.error);
}

function describeSound(sound: number, all: number): string {
  return sound === all
    ? `all ${all} are all right`
    : `${all - sound} of ${all} are damaged or cannot be read`;
}

function describeVerified(
  path: string,
  { ok, checked, platforms, documents, findings, damaged, notes }: VerifyResult,
): string {
  const isSingle = checked.blobs === 0 && documents.length === 1 && platforms === undefined;
  const single = isSingle
    ? formatTable(documents.map(({ kind, digest, mediaType }) => [kind, digest, mediaType]))
    : '';
  const signatures = formatTable(documents.flatMap(describeSignatures));
  const found = formatTable(
    findings.map(({ code, digest, path: place, message }) => [code, digest ?? place ?? '', message]),
  );
  const part =
    platforms === undefined ? '' : `, ${platforms.checked} of ${plural(platforms.all, 'platform')}`;
  const what = `${plural(checked.manifests, 'manifest')}, ${plural(checked.blobs, 'blob')}, ${formatBytes(checked.bytes)}${part}`;
  const verdict = ok ? 'all right' : plural(findings.length, 'finding');
  const images = formatTable(damaged.map(({ name, digest }) => ['damaged image', name, digest ?? '']));
  return `${single}${signatures}${found}${describeNotes(notes)}${images}${path}: ${isSingle ? documents[0]?.kind : what}: ${verdict}\n${describeWayOut(damaged)}`;
}

/** Says how the damaged images come back. With its digest, an image is exactly the one that was meant. */
function describeWayOut(damaged: VerifyResult['damaged']): string {
  const wanted = damaged
    .filter(({ name }) => name.includes('/')) // nobody knows the registry of a digest or of a tag alone
    .map(({ name, digest }) => (digest === undefined ? name : `${name.split('@')[0]}@${digest}`));
  if (wanted.length === 0) return '';
  const shown = [...wanted.slice(0, 3), ...(wanted.length > 3 ? ['…'] : [])].join(' ');
  return `to have ${wanted.length === 1 ? 'it' : 'them'} again: lading save ${shown} -o again.tar\n`;
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
