/**
 * What a format defines of a document, as far as two readers can differ about it: which members of an object are
 * decoded, where names are free, and which numbers are integers. Go's encoding/json matches the names of a struct's
 * members without case and lets the last one win, and it refuses `2.0` for an integer; other readers do neither.
 */
export type Shape =
  /** By their folded names, the members that the format defines. */
  | { type: 'object'; members: ReadonlyMap<string, { name: string; shape: Shape }> }
  /** An object whose names are free, and so case-sensitive for every reader. */
  | { type: 'map'; of: Shape }
  | { type: 'list'; of: Shape }
  | { type: 'integer' }
  /** A value that no reader decodes further: what is inside it can mislead nobody. */
  | { type: 'value' }
  /** A value of which nothing is known: no object in it may name a member twice. */
  | { type: 'unknown' };

export const VALUE: Shape = { type: 'value' };
export const INTEGER: Shape = { type: 'integer' };
export const UNKNOWN: Shape = { type: 'unknown' };

/** An object with these members, `names` being those whose values have no members of their own. */
export function object(names: readonly string[], shapes: Record<string, Shape> = {}): Shape {
  const members = [...names.map((name) => [name, VALUE] as const), ...Object.entries(shapes)];
  return {
    type: 'object',
    members: new Map(members.map(([name, shape]) => [foldName(name), { name, shape }])),
  };
}

export function list(of: Shape): Shape {
  return { type: 'list', of };
}

export function map(of: Shape): Shape {
  return { type: 'map', of };
}

/**
 * A name as Go's encoding/json compares it: by Unicode's simple case folding, in which `ſ` is `s` and the Kelvin sign
 * `k`. (Unicode, CaseFolding.txt, statuses C and S; encoding/json, fold.go)
 */
export function foldName(name: string): string {
  if (/^[ -~]*$/.test(name)) return name.toLowerCase();
  return Array.from(name, foldCharacter).join('');
}

function foldCharacter(character: string): string {
  if (character === 'ı') return character; // folds in Turkish only (status T)
  // Upper case first, since several lower-case letters can have one upper-case letter; what becomes several characters
  // there has a simple folding, if any, to lower case.
  const upper = character.toUpperCase();
  const lower = (isOne(upper) ? upper : character).toLowerCase();
  return isOne(lower) ? lower : character;
}

function isOne(text: string): boolean {
  return Array.from(text).length === 1;
}
