/** Bounds for what strangers wrote. What is beyond them is left out, and reported with its place. */
export interface FindLimits {
  /** The bytes of a file, decompressed; default 256 MiB. */
  maxFileBytes?: number | undefined;
  /** The bytes of one document of a file, which is held in memory as a tree; default 64 MiB. */
  maxDocumentBytes?: number | undefined;
  /** The documents of a file; default 100,000. */
  maxDocuments?: number | undefined;
  /** The values of a document, each alias counted with all that it stands for; default 2,000,000. */
  maxNodes?: number | undefined;
  /** How deep values of a document stand in each other; default 200. */
  maxDepth?: number | undefined;
  /** The files of all folders and archives together; default 100,000. */
  maxFiles?: number | undefined;
  /** How deep folders and archives stand in each other; default 32. */
  maxFolders?: number | undefined;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS = {
  maxFileBytes: 256 * MIB,
  maxDocumentBytes: 64 * MIB,
  maxDocuments: 100_000,
  maxNodes: 2_000_000,
  maxDepth: 200,
  maxFiles: 100_000,
  maxFolders: 32,
} as const satisfies Required<FindLimits>;

export type Limits = Readonly<Record<keyof typeof DEFAULT_LIMITS, number>>;

/** Fills in the defaults. */
export function limitsOf(given: FindLimits = {}): Limits {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(set) };
}

/** A document cannot be read, or is beyond `limit`; `at` is the offset in its text, if that is known. */
export class Unreadable extends Error {
  readonly at: number | undefined;
  readonly limit: keyof FindLimits | undefined;

  constructor(problem: string, at?: number, limit?: keyof FindLimits) {
    super(problem);
    this.at = at;
    this.limit = limit;
  }
}

export function tooManyValues(maxNodes: number, at: number): Unreadable {
  return new Unreadable(`it has more than ${maxNodes} values, those of its aliases counted`, at, 'maxNodes');
}

export function tooDeep(maxDepth: number, at: number): Unreadable {
  return new Unreadable(`it is nested deeper than ${maxDepth} levels`, at, 'maxDepth');
}
