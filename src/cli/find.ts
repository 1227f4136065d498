import type { InferredOptionTypes } from 'yargs';
import {
  type FindLimits,
  type FindResult,
  type FoundImage,
  type FoundPlace,
  findImages,
  formatReference,
  GRADES,
  type Grade,
  KINDS,
  LadingError,
  type ProbedImage,
  parseReference,
  printable,
  probeImages,
} from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatTable, plural } from './format.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  GRADE_OPTION,
  wholeNumber,
} from './options.js';
import type { Output } from './output.js';

/** Flags for what strangers wrote; the defaults are those of the library. */
export const FIND_LIMIT_OPTIONS = {
  'max-file-bytes': limit('Largest file, in bytes, after decompression', '268435456'),
  'max-document-bytes': limit('Largest document of a file, in bytes', '67108864'),
  'max-documents': limit('Most documents of a file', '100000'),
  'max-values': limit('Most values of a document, those of aliases counted', '2000000'),
  'max-depth': limit('How deep values of a document may stand in each other', '200'),
  'max-files': limit('Most files of all folders and archives', '100000'),
  'max-folders': limit('How deep folders and archives may stand in each other', '32'),
} as const satisfies Record<string, CommandOption>;

const LIMIT_FLAGS: Record<keyof FindLimits, keyof typeof FIND_LIMIT_OPTIONS> = {
  maxFileBytes: 'max-file-bytes',
  maxDocumentBytes: 'max-document-bytes',
  maxDocuments: 'max-documents',
  maxNodes: 'max-values',
  maxDepth: 'max-depth',
  maxFiles: 'max-files',
  maxFolders: 'max-folders',
};

function limit(describe: string, defaultDescription: string) {
  return { type: 'number', requiresArg: true, describe, defaultDescription, group: 'Limits:' } as const;
}

const OPTIONS = {
  as: {
    choices: KINDS,
    requiresArg: true,
    describe: 'What the files are',
    defaultDescription: 'by their content',
  },
  grade: GRADE_OPTION,
  why: {
    type: 'string',
    value: 'IMAGE',
    requiresArg: true,
    describe: 'Show the places that name this image; without a tag, with any',
  },
  probe: {
    type: 'boolean',
    default: false,
    describe: 'Ask registries for images that are only possible, and take those that are there',
  },
  strict: {
    type: 'boolean',
    default: false,
    isOwn: true,
    describe: 'Fail if an image is only possible or not resolved, or a file cannot be read',
  },
  ...FIND_LIMIT_OPTIONS,
  ...CONNECTION_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { PATH: string[] };

export const findCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    PATH: {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'File, folder or archive of a chart; - for standard input',
    },
  },
  examples: [
    { line: 'helm template app | lading find -', summary: 'the images of a release, one a line' },
    {
      line: 'lading find deploy/ compose.yaml chart.tgz Dockerfile',
      summary: 'folders and files of any kind',
    },
    { line: 'lading find . --why nginx:1.27', summary: 'where an image is named' },
    { line: 'lading find deploy/ --json', summary: 'with the places, as data' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await findImages({
      ...inputsOf(flags.PATH),
      as: flags.as,
      limits: findLimits(flags),
      signal,
    });
    if (flags.why !== undefined) return showPlaces(output, result, flags.why);
    const probed = flags.probe ? await probe(result, flags, { output, signal }) : [];
    const images = takenOf(result, { grade: flags.grade, probed });
    output.result({ ...result, ...(flags.probe && { probed: probed.map(describeProbed) }) }, () =>
      [...images.map(({ name }) => name), ...new Set(result.patterns.map(({ pattern }) => pattern))]
        .map((name) => `${printable(name)}\n`)
        .join(''),
    );
    const left = result.images.filter((image) => !images.includes(image));
    if (!flags.json) warnOfFound(output, result, left);
    return judge(result, left, { strict: flags.strict });
    function describeProbed({ name, isThere, error }: ProbedImage) {
      return { name, isThere, ...(error !== undefined && { error: output.describe(error) }) };
    }
  },
};

/** Separates standard input from the paths. Throws `USAGE` if it is named twice. */
export function inputsOf(paths: readonly string[]): { paths: string[]; input?: NodeJS.ReadStream } {
  const files = paths.filter((path) => path !== '-');
  if (files.length === paths.length) return { paths: files };
  if (paths.length - files.length > 1) throw new LadingError('USAGE', 'standard input can be read once only');
  return { paths: files, input: process.stdin };
}

type LimitArguments = Partial<Record<keyof typeof FIND_LIMIT_OPTIONS, number | undefined>>;

/** Converts the flags to limits; throws `USAGE`. */
function findLimits(argv: LimitArguments): FindLimits {
  return Object.fromEntries(
    Object.entries(LIMIT_FLAGS).map(([limit, flag]) => [limit, wholeNumber(flag, argv[flag], 1)]),
  );
}

/** Returns the images that are sure enough, or that their registry has. */
export function takenOf(
  { images }: FindResult,
  { grade = 'likely', probed = [] }: { grade?: Grade | undefined; probed?: readonly ProbedImage[] },
): FoundImage[] {
  const there = new Set(probed.filter(({ isThere }) => isThere).map(({ name }) => name));
  return images.filter(
    (image) => GRADES.indexOf(image.grade) <= GRADES.indexOf(grade) || there.has(image.name),
  );
}

/** Says on standard error what was not taken, and what could not be read. */
export function warnOfFound(output: Output, result: FindResult, left: readonly FoundImage[]): void {
  for (const { name, grade, origins } of left) {
    const [first] = origins;
    if (first !== undefined) output.warning(`${placeOf(first)}: ${name} is only ${grade}`);
  }
  for (const place of result.unresolved)
    output.warning(`${placeOf(place)}: not resolved: ${place.text} (${place.reason})`);
  for (const { file, line, message, limit } of result.problems) {
    const flag = limit === undefined ? '' : ` (lading find --${LIMIT_FLAGS[limit]} allows more)`;
    output.warning(`${line === undefined ? file : `${file}:${line}`}: ${message}${flag}`);
  }
  for (const place of result.replaced)
    output.warning(`${placeOf(place)}: ${place.image} is replaced by a kustomization`);
  if (result.images.length === 0 && result.patterns.length === 0)
    output.warning(
      `no image was found in ${plural(result.documents, 'document')} of ${plural(result.files, 'file')}`,
    );
}

function placeOf({ file, line }: { file: string; line: number }): string {
  return `${file}:${line}`;
}

/** Returns the exit code of what was found; throws `REFUSED` with `strict`. */
export function judge(
  { unresolved, problems }: FindResult,
  left: readonly FoundImage[],
  { strict }: { strict: boolean },
): number {
  const possible = left.filter(({ grade }) => grade === 'possible').length;
  const open = unresolved.length + problems.length;
  if (strict && open + possible > 0)
    throw new LadingError(
      'REFUSED',
      `${plural(open, 'place')} could not be read or resolved, and ${plural(possible, 'image')} only possible`,
    );
  return open > 0 ? EXIT.partial : EXIT.done;
}

async function probe(
  { images }: FindResult,
  flags: Arguments,
  { output, signal }: { output: Output; signal: AbortSignal },
): Promise<ProbedImage[]> {
  const names = images.filter(({ grade }) => grade === 'possible').map(({ name }) => name);
  const probed = await probeImages(names, { ...connectionOptions(flags, output.warning), signal });
  if (!flags.json) for (const { name, error } of probed) if (error !== undefined) output.error(error, name);
  return probed;
}

/** Shows each place of an image. Throws `NOT_FOUND` if there is none. */
function showPlaces(output: Output, result: FindResult, wanted: string): number {
  const { registry, repository, tag, digest } = parseReference(wanted);
  const images = result.images.filter(({ name }) => {
    const found = parseReference(name);
    if (found.registry !== registry || found.repository !== repository) return false;
    return (tag === undefined || found.tag === tag) && (digest === undefined || found.digest === digest);
  });
  if (images.length === 0) {
    const near = result.images.filter(
      ({ name }) => name.split('/').at(-1)?.split(/[:@]/)[0] === repository.split('/').at(-1),
    );
    throw new LadingError('NOT_FOUND', `no place names ${formatReference(parseReference(wanted))}`, {
      hint:
        near.length === 0
          ? undefined
          : `There is ${near
              .slice(0, 5)
              .map(({ name }) => name)
              .join(', ')}.`,
    });
  }
  const places: FoundPlace[] = images.flatMap(({ origins }) => origins);
  output.result(images, () =>
    formatTable(places.map((place) => [placeOf(place), place.grade, place.path, place.image])),
  );
  return EXIT.done;
}
