import { isDigest } from '../content/digest.js';
import { parseTagPattern } from '../content/tag-pattern.js';
import { isLadingError } from '../errors.js';
import {
  bareName,
  isImageName,
  isPlaceholder,
  isPlausible,
  isUnmistakable,
  isUnresolved,
} from './image-text.js';
import { type Limits, tooManyValues } from './limits.js';
import type { Node, Scalar } from './node.js';
import type { Findings, FindProblem, Grade, Place } from './report.js';
import { filledIn, type Variables } from './variables.js';

/** Other files beside the one that is read: compose files name some. Undefined if there is none, or it may not be read. */
export type ReadBeside = (path: string) => Promise<Buffer | undefined>;

export interface FinderOptions {
  file: string;
  /** The text of the document. */
  text: string;
  /** The line of the file that the document begins on, from 1. */
  firstLine: number;
  limits: Limits;
  findings: Findings;
  readBeside: ReadBeside;
  /** The lines of the text do not count: it was one value of another document. */
  isOneLine?: boolean;
  /** The path in the file of the value that the document was. */
  prefix?: string;
  /** Texts that templates stood in for, by the marks in their place. */
  original?: (text: string) => string;
  depth?: number;
  /** Another file includes this one. */
  isFollowed?: boolean;
}

/** More of a text is of no use to anybody. */
const MAX_SHOWN = 2000;

/** What is found in one document, with the lines of its file. */
export class Finder {
  readonly file: string;
  readonly text: string;
  readonly limits: Limits;
  readonly findings: Findings;
  readonly readBeside: ReadBeside;
  /** How many values this document stands within, as a text. */
  readonly depth: number;
  /** The text has one line in the file, however many it has itself. */
  readonly isOneLine: boolean;
  readonly #options: FinderOptions;
  /** Values that have been reported, or are known to be no images. */
  readonly #done = new Set<Node>();
  readonly #reported = new Set<string>();
  readonly #scopes: Variables[] = [];
  #visited = 0;
  #lineEnds: readonly number[] | undefined;

  constructor(options: FinderOptions) {
    this.#options = options;
    this.file = options.file;
    this.text = options.text;
    this.limits = options.limits;
    this.findings = options.findings;
    this.readBeside = options.readBeside;
    this.depth = options.depth ?? 0;
    this.isOneLine = options.isOneLine ?? false;
  }

  /** Counts a value against the limit: aliases let a small document have many. */
  visit(node: Node): void {
    if (++this.#visited > this.limits.maxNodes) throw tooManyValues(this.limits.maxNodes, node.at);
  }

  isDone(node: Node): boolean {
    return this.#done.has(node);
  }

  done(node: Node): void {
    this.#done.add(node);
  }

  /**
   * Reports what stands where an image has to stand. A text that is to be filled in is unresolved, and so is one that is
   * no name.
   */
  certain(
    value: Scalar,
    path: string,
    grade: Grade = 'certain',
    more: { platform?: string | undefined } = {},
  ): void {
    this.done(value);
    this.named(value.text, value, path, grade, more);
  }

  /** The same for a name that was put together. */
  named(
    text: string,
    where: { at: number; isBlock?: boolean },
    path: string,
    grade: Grade,
    { platform }: { platform?: string | undefined } = {},
  ): void {
    const name = this.filled(bareName(text));
    if (name === '' || isImageID(name)) return;
    const at = this.#startOf(where);
    if (isUnresolved(this.original(name))) {
      this.unresolved(text, at, path, 'it is filled in by something else');
      return;
    }
    if (!isImageName(name)) {
      if (grade === 'certain') this.unresolved(name, at, path, 'it is not the name of an image');
      return;
    }
    if (grade === 'certain' && isPlaceholder(name)) {
      this.unresolved(name, at, path, 'it stands for an image that something else sets');
      return;
    }
    this.#report(name, at, path, grade, platform);
  }

  /** Reports what something is called an image by: only if it can be one. */
  likely(value: Scalar, path: string): void {
    this.done(value);
    const name = this.filled(bareName(value.text));
    if (isUnresolved(this.original(name))) {
      const rest = this.original(name)
        .slice(0, MAX_SHOWN)
        .replace(/\{\{.*?\}\}/g, '');
      // What has spaces outside of its actions is prose.
      if (!/\s/.test(rest))
        this.unresolved(value.text, this.#startOf(value), path, 'it is filled in by something else');
      return;
    }
    if (isPlausible(name) && !isImageID(name)) this.#report(name, this.#startOf(value), path, 'likely');
  }

  /** Reports a text that has the form of a name of an image. */
  possible(text: string, at: number, path: string): void {
    const name = bareName(text);
    if (isUnmistakable(name)) this.#report(name, at, path, 'possible');
  }

  unresolved(text: string, at: number, path: string, reason: string): void {
    const place = this.place(at, path);
    const shown = this.original(text);
    if (!this.#isNew(`? ${shown} ${place.line}`)) return;
    const found = { text: shown, reason, ...place };
    this.findings.unresolved.push(found);
    if (this.#options.isFollowed) this.findings.followed.add(found);
  }

  /** Reports a selection of the tags of a repository; one that lading has no words for is not resolved. */
  pattern(pattern: string, at: number, path: string): void {
    try {
      parseTagPattern(pattern);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      this.unresolved(pattern, at, path, error.message);
      return;
    }
    this.findings.patterns.push({ pattern, ...this.place(at, path) });
  }

  /** Notes what a kustomization does to images of others. */
  kustomization(resources: readonly string[], replaced: readonly string[]): void {
    this.findings.kustomizations.push({ file: this.file, resources, replaced });
  }

  problem(message: string, at?: number, limit?: FindProblem['limit']): void {
    this.findings.problems.push({
      file: this.file,
      ...(at !== undefined && { line: this.lineOf(at) }),
      message,
      ...(limit !== undefined && { limit }),
    });
  }

  place(at: number, path: string): Place {
    const { prefix = '' } = this.#options;
    return {
      file: this.file,
      line: this.lineOf(at),
      path: prefix === '' ? path : `${prefix} ${path}`.trim(),
    };
  }

  lineOf(at: number): number {
    const { firstLine } = this.#options;
    return this.isOneLine ? firstLine : firstLine + this.#linesBefore(at);
  }

  /** Fills in variables and parameters that the document gives values to. */
  filled(text: string): string {
    return filledIn(this.original(text), this.#scopes);
  }

  /** Calls `take` while these variables are known. */
  withVariables(variables: Variables | undefined, take: () => void): void {
    if (variables === undefined) {
      take();
      return;
    }
    this.#scopes.push(variables);
    take();
    this.#scopes.pop();
  }

  /** Returns a finder for a value that is a text of another form. */
  inner(value: Scalar, path: string): Finder {
    return new Finder({
      ...this.#options,
      text: value.text,
      firstLine: this.lineOf(value.at) + (value.isBlock ? 1 : 0),
      isOneLine: this.isOneLine || !value.isBlock,
      prefix: this.place(value.at, path).path,
      depth: this.depth + 1,
    });
  }

  original(text: string): string {
    return this.#options.original?.(text) ?? text;
  }

  /** Looks up where lines end: a text of one line, or one that is read to and fro, is not searched for each place. */
  #linesBefore(at: number): number {
    this.#lineEnds ??= placesOf('\n', this.text);
    const ends = this.#lineEnds;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ends[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The text of a block begins below the mark of the block. */
  #startOf({ at, isBlock = false }: { at: number; isBlock?: boolean }): number {
    if (!isBlock) return at;
    const end = this.text.indexOf('\n', at);
    const rest = end < 0 ? -1 : this.text.slice(end).search(/\S/);
    return rest < 0 ? at : end + rest;
  }

  #report(image: string, at: number, path: string, grade: Grade, platform?: string): void {
    const place = this.place(at, path);
    if (!this.#isNew(`${image} ${at} ${platform ?? ''}`)) return;
    const found = { image, grade, ...place, ...(platform !== undefined && { platform }) };
    this.findings.places.push(found);
    if (this.#options.isFollowed) this.findings.followed.add(found);
  }

  #isNew(key: string): boolean {
    if (this.#reported.has(key)) return false;
    this.#reported.add(key);
    return true;
  }
}

/** True for the ID of an image, as engines show it for one without a name: no registry can be asked for it. */
function isImageID(text: string): boolean {
  return isDigest(text);
}

function placesOf(part: string, text: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) places.push(at);
  return places;
}
