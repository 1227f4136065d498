import { dirname, join } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { formatReference, parseReference, withDefaultTag } from '../../content/reference.js';
import { LadingError } from '../../errors.js';
import { findInFile, type Kind } from '../../find/find-in-file.js';
import { isDockerfile } from '../../find/forms/dockerfile.js';
import { isEnvironmentName } from '../../find/forms/environment.js';
import { isList } from '../../find/forms/lists.js';
import { type FindLimits, limitsOf } from '../../find/limits.js';
import {
  createFindings,
  type Findings,
  type FindProblem,
  type FoundPattern,
  type FoundPlace,
  GRADES,
  type Grade,
  type Kustomization,
  type UnresolvedPlace,
} from '../../find/report.js';
import { filesAt, filesOfStream, type GivenFile } from './walk-paths.js';

export interface FindImagesOptions {
  /** Files (also pipes), folders with all below, and archives of charts. */
  paths?: readonly string[] | undefined;
  /** A document, or an archive of charts, as a stream; it is called `-`. */
  input?: Readable | undefined;
  /** What the documents are; by default, their content decides. */
  as?: Kind | undefined;
  limits?: FindLimits | undefined;
  signal?: AbortSignal | undefined;
}

/** An image, with all places that name it. */
export interface FoundImage {
  /** The name in full, with `latest` if nothing else was written, as `save` takes it. */
  name: string;
  /** The best grade of its places. */
  grade: Grade;
  /** In the order of the files. */
  origins: FoundPlace[];
}

export interface FindResult {
  /** In the order in which they were found. */
  images: FoundImage[];
  /** Selections of tags of skopeo's and regsync's files, which only a registry can resolve. */
  patterns: FoundPattern[];
  /** Images that are meant, but not named. */
  unresolved: UnresolvedPlace[];
  /** What could not be read, or not all of it. */
  problems: FindProblem[];
  /** Images of resources that a kustomization replaces by others, so that they are not used. */
  replaced: FoundPlace[];
  files: number;
  documents: number;
}

/**
 * Finds the names of images in what people have: manifests of Kubernetes and output of Helm, charts, compose files,
 * Dockerfiles, lists, files of other tools. Nothing is run and no registry is asked. Rejects with `NOT_FOUND` for a path
 * that is not there, and with `USAGE` if nothing was given; whatever else cannot be read is in `problems`.
 */
export async function findImages(options: FindImagesOptions): Promise<FindResult> {
  const { paths = [], input, as, signal } = options;
  if (paths.length === 0 && input === undefined)
    throw new LadingError('USAGE', 'no file or folder was given');
  const limits = limitsOf(options.limits);
  const findings = createFindings();
  const onProblem = (problem: FindProblem): unknown => findings.problems.push(problem);
  let [files, documents] = [0, 0];
  const look = async (given: AsyncIterable<GivenFile>): Promise<void> => {
    for await (const { file, bytes, isNamed, readBeside } of given) {
      if (!isNamed && as === undefined && !mayHaveImages(file, bytes)) continue;
      files++;
      documents += await findInFile(bytes, { file, as, limits, findings, readBeside });
      signal?.throwIfAborted();
    }
  };
  if (input !== undefined) await look(filesOfStream('-', input, { limits, signal, onProblem }));
  for (const path of paths) await look(filesAt(path, { limits, signal, onProblem }));
  return { ...grouped(findings), files, documents };
}

/** A file without an extension that says what it is has to begin like a document or a list. */
function mayHaveImages(file: string, bytes: Buffer): boolean {
  const name = file.slice(file.lastIndexOf('/') + 1);
  if (/\.(?:ya?ml|json|tpl|tmpl|gotmpl|j2|ndjson|jsonl)(?:\.|$)/i.test(name)) return true;
  if (/^(?:docker|container)file|(?:docker|container)file$|^kustomization$/i.test(name)) return true;
  if (isEnvironmentName(name)) return true;
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  const start = bytes.toString('utf8', 0, 16_384);
  return isList(start) || isDockerfile(start) || /^(?:apiVersion|kind|images?|services)\s*:/m.test(start);
}

function grouped(findings: Findings): Omit<FindResult, 'files' | 'documents'> {
  const images = new Map<string, FoundImage>();
  const seen = new Set<string>();
  const replaced: FoundPlace[] = [];
  const isReplaced = replacedBy(findings.kustomizations);
  // A file that another one includes is read with the variables of that one.
  const included = new Set([...findings.followed].map(({ file }) => file));
  const isRead = (place: FoundPlace | UnresolvedPlace): boolean =>
    !included.has(place.file) || findings.followed.has(place);
  for (const place of findings.places.filter(isRead)) {
    const name = fullName(place.image);
    const key = `${name} ${place.file} ${place.line} ${place.path}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (isReplaced(place)) {
      replaced.push(place);
      continue;
    }
    const image = images.get(name) ?? { name, grade: place.grade, origins: [] };
    image.origins.push(place);
    if (GRADES.indexOf(place.grade) < GRADES.indexOf(image.grade)) image.grade = place.grade;
    images.set(name, image);
  }
  const { patterns, problems } = findings;
  // Several files may include the same one.
  const unresolved = [
    ...new Map(
      findings.unresolved
        .filter(isRead)
        .map((each) => [`${each.text} ${each.file} ${each.line} ${each.path}`, each]),
    ).values(),
  ];
  return { images: [...images.values()], patterns, unresolved, problems, replaced };
}

/** Returns whether a kustomization gives the resource at a place another image. */
function replacedBy(kustomizations: readonly Kustomization[]): (place: FoundPlace) => boolean {
  const byFolder = new Map(kustomizations.map((each) => [dirname(each.file), each]));
  const rules: { names: ReadonlySet<string>; paths: ReadonlySet<string> }[] = [];
  for (const each of kustomizations) {
    if (each.replaced.length === 0) continue;
    const paths = new Set<string>();
    const collect = ({ file, resources }: Kustomization): void => {
      for (const resource of resources) {
        const path = join(dirname(file), resource);
        if (paths.has(path)) continue;
        paths.add(path);
        const below = byFolder.get(path);
        if (below !== undefined) collect(below);
      }
    };
    collect(each);
    rules.push({ names: new Set(each.replaced), paths });
  }
  return ({ image, file }) =>
    rules.some(({ names, paths }) => names.has(repositoryOf(image)) && paths.has(file));
}

/** The name as `save` takes it. */
export function fullName(image: string): string {
  return formatReference(withDefaultTag(parseReference(image)));
}

/** The name as it is written, without its tag and digest. */
function repositoryOf(image: string): string {
  const [name = ''] = image.split('@', 1);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
