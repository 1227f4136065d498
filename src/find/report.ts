import type { ImageOrigin } from '../content/origin.js';
import type { FindLimits } from './limits.js';

/**
 * How sure it is that a text is the name of an image: `certain` stands where only an image can stand, `likely` where
 * something is called an image, and `possible` is any text that has the form of a name.
 */
export type Grade = ImageOrigin['grade'];

export const GRADES: readonly Grade[] = ['certain', 'likely', 'possible'];

/** Where something stands. */
export type Place = Omit<ImageOrigin, 'grade'>;

/** One place where an image stands. */
export interface FoundPlace extends ImageOrigin {
  /** The name as it is written there, with what the document itself fills in. */
  image: string;
  /** `OS/ARCH[/VARIANT]`, if the document asks for one. */
  platform?: string;
}

/** A selection of tags, which only a registry can resolve. */
export interface FoundPattern extends Place {
  /** `REPOSITORY:{RANGE[, match /re/]}`. */
  pattern: string;
}

/** An image that is meant at this place, but not named. */
export interface UnresolvedPlace extends Place {
  text: string;
  reason: string;
}

/** A file or a document that was not read, or not all of it. */
export interface FindProblem {
  file: string;
  line?: number;
  message: string;
  /** The limit that it is beyond. */
  limit?: keyof FindLimits;
}

/** A kustomization may give its resources other images than those that they have. */
export interface Kustomization {
  file: string;
  /** Paths of its files and folders, relative to its own folder. */
  resources: readonly string[];
  /** The names of images that it replaces, without a version, as the resources have them. */
  replaced: readonly string[];
}

export interface Findings {
  kustomizations: Kustomization[];
  /** What was found in a file because another one includes it, which replaces what the file says by itself. */
  followed: Set<FoundPlace | UnresolvedPlace>;
  places: FoundPlace[];
  patterns: FoundPattern[];
  unresolved: UnresolvedPlace[];
  problems: FindProblem[];
}

export function createFindings(): Findings {
  return { places: [], patterns: [], unresolved: [], problems: [], kustomizations: [], followed: new Set() };
}
