import { asUTF8 } from './encoding.js';
import { Finder, type FinderOptions, type ReadBeside } from './finder.js';
import type { ComposeReading } from './forms/compose-files.js';
import { findInDockerfile, isDockerfile } from './forms/dockerfile.js';
import { findInEnvironment, isEnvironmentName } from './forms/environment.js';
import { findInList, isList } from './forms/lists.js';
import { findInTree, KINDS, type Kind } from './kinds.js';
import { type FindLimits, type Limits, Unreadable } from './limits.js';
import { findInLines } from './lines.js';
import type { Node, Scalar } from './node.js';
import { parseTree } from './parse.js';
import type { Findings } from './report.js';
import { documentsOf } from './split.js';
import { isTemplate, withoutActions } from './template.js';

export { KINDS, type Kind };

export interface FindInFileOptions {
  /** How the file is called in the result. */
  file: string;
  /** What the file is; by default, its content decides, and its name if the content is not enough. */
  as?: Kind | undefined;
  limits: Limits;
  findings: Findings;
  readBeside: ReadBeside;
  /** How a compose file is read that another one leads to. */
  compose?: ComposeReading | undefined;
}

/** Finds images in one file; adds them to `findings`. Returns how many documents it has. */
export async function findInFile(bytes: Buffer, options: FindInFileOptions): Promise<number> {
  const { file, findings, limits } = options;
  const text = asUTF8(bytes);
  if ('problem' in text) {
    findings.problems.push({ file, message: text.problem });
    return 0;
  }
  if (text.note !== undefined) findings.problems.push({ file, message: text.note });
  const { utf8 } = text;
  if (await findInPlainText(utf8, options)) return 1;
  let documents = 0;
  for (const document of documentsOf(utf8)) {
    documents++;
    const problem = (message: string, limit: keyof FindLimits): unknown =>
      findings.problems.push({ file, line: document.firstLine, message, limit });
    if (documents > limits.maxDocuments) {
      problem(`it has more than ${limits.maxDocuments} documents; the rest is not read`, 'maxDocuments');
      break;
    }
    if (document.bytes > limits.maxDocumentBytes) {
      problem(
        `a document has ${document.bytes} bytes, which is more than ${limits.maxDocumentBytes}`,
        'maxDocumentBytes',
      );
      continue;
    }
    await findInDocument(document.text, document.firstLine, options);
  }
  return documents;
}

/** Reads what is no tree of values: Dockerfiles and lists. Returns whether it was one. */
async function findInPlainText(utf8: Buffer, options: FindInFileOptions): Promise<boolean> {
  const { as, limits, findings, readBeside, file } = options;
  if (as !== undefined && !PLAIN.has(as)) return false;
  if (utf8.length > MAX_PLAIN_BYTES) return false;
  const start = utf8.toString('utf8', 0, 64 * 1024);
  const isBuild =
    as === 'dockerfile' || (as === undefined && (isDockerfileName(file) || isDockerfile(start)));
  const isEnvironment = as === 'environment' || (as === undefined && isEnvironmentName(file));
  if (!isBuild && !isEnvironment && as !== 'list' && !isList(start)) return false;
  const finder = new Finder({
    file,
    text: utf8.toString('utf8'),
    firstLine: 1,
    limits,
    findings,
    readBeside,
  });
  if (isBuild) findInDockerfile(finder);
  else if (isEnvironment) findInEnvironment(finder);
  else findInList(finder);
  return true;
}

const PLAIN: ReadonlySet<Kind> = new Set<Kind>(['dockerfile', 'environment', 'list']);
const MAX_PLAIN_BYTES = 16 * 1024 * 1024;

function isDockerfileName(file: string): boolean {
  return (
    /(?:^|[/\\])(?:(?:Docker|Container)file(?:\.[\w.-]+)?|[\w.-]+\.(?:Docker|Container)file)$/i.test(file) &&
    !/\.(?:dockerignore|md|ya?ml|json)$/i.test(file)
  );
}

async function findInDocument(given: string, firstLine: number, options: FindInFileOptions): Promise<void> {
  const { file, findings, limits, readBeside } = options;
  const isFollowed = options.compose !== undefined && options.compose.service === undefined;
  const place = { file, firstLine, limits, findings, readBeside, isFollowed };
  try {
    const { text, roots, original } = readText(given, limits, options.as === 'template');
    const finderOptions: FinderOptions = { ...place, text, ...(original && { original }) };
    const finder = new Finder(finderOptions);
    if (roots === undefined) return findInLines(finder);
    for (const root of roots) {
      await findInTree(finder, root, {
        ...options,
        isTemplate: original !== undefined,
        nested: (value, path, outer) => nestedIn(value, path, outer, finderOptions),
        other: (bytes, path, compose) =>
          findInFile(bytes, { ...options, file: path, as: 'compose', compose }),
      });
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    new Finder({ ...place, text: given }).problem(error.message, error.at ?? 0, error.limit);
  }
}

interface ReadText {
  /** The text that the roots have their places in. */
  text: string;
  /** Undefined if there is no document even without the actions of the template. */
  roots: Node[] | undefined;
  /** Of a template. */
  original?: (text: string) => string;
}

/** Parses a text, as a template if it is one. Throws `Unreadable`. */
function readText(given: string, limits: Limits, isGivenTemplate: boolean): ReadText {
  if (!isGivenTemplate && !isTemplate(given)) {
    try {
      return { text: given, roots: parseTree(given, limits) };
    } catch (error) {
      if (!(error instanceof Unreadable) || !/\{[{%]/.test(given)) throw error;
    }
  }
  const { text, original } = withoutActions(given);
  try {
    return { text, roots: parseTree(text, limits), original };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { text, roots: undefined, original };
  }
}

/** How deep documents may stand in values of others: a ConfigMap in a Helm release in a manifest. */
const MAX_NESTED = 4;

/** The document that a value is, with the lines of the file that it stands in. */
export interface NestedDocument {
  roots: Node[];
  finder: Finder;
}

function nestedIn(
  value: Scalar,
  path: string,
  outer: Finder,
  options: FinderOptions,
): NestedDocument[] | undefined {
  if (outer.depth >= MAX_NESTED || value.text.length > outer.limits.maxDocumentBytes) return undefined;
  if (!/[:{[]/.test(value.text)) return undefined;
  const line = outer.lineOf(value.at);
  const found: NestedDocument[] = [];
  for (const { text: given, firstLine } of documentsOf(Buffer.from(value.text))) {
    try {
      const { text, roots = [], original } = readText(given, options.limits, false);
      const finder = new Finder({
        ...options,
        text,
        firstLine: value.isBlock ? line + firstLine : line,
        isOneLine: !value.isBlock || outer.isOneLine,
        prefix: outer.place(value.at, path).path,
        depth: outer.depth + 1,
        original: (marked) => outer.original(original?.(marked) ?? marked),
      });
      const values = roots.filter(({ type }) => type !== 'scalar');
      if (values.length > 0) found.push({ roots: values, finder });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return undefined;
    }
  }
  return found.length === 0 ? undefined : found;
}
