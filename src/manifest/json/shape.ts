/**
 * The parts of a format's definition about which tools can differ: the members of an object, where names are free, and
 * which numbers are integers. Go's encoding/json ignores the case of a struct's member names and uses the last of
 * several, and it refuses `2.0` for an integer; other tools do neither.
 */
export type Shape =
  /** The members that the format defines, by their folded names. */
  | { type: 'object'; members: ReadonlyMap<string, { name: string; shape: Shape }> }
  /** An object whose names are free, and so case-sensitive for all tools. */
  | { type: 'map'; of: Shape }
  | { type: 'list'; of: Shape }
  | { type: 'integer' }
  /** A value whose content no tool decodes, so it cannot be ambiguous. */
  | { type: 'value' }
  /** An unknown value: no object in it may repeat a member. */
  | { type: 'unknown' };

export const VALUE: Shape = { type: 'value' };
export const INTEGER: Shape = { type: 'integer' };
export const UNKNOWN: Shape = { type: 'unknown' };

/** The shape of an object: `names` are members without a shape of their own, `shapes` are the others. */
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
 * Folds the case of a name as Go's encoding/json does: by Unicode's simple case folding, in which `ſ` is `s` and the
 * Kelvin sign is `k`. (Unicode, CaseFolding.txt, statuses C and S; encoding/json, fold.go)
 */
export function foldName(name: string): string {
  if (/^[ -~]*$/.test(name)) return name.toLowerCase();
  return Array.from(name, foldCharacter).join('');
}

function foldCharacter(character: string): string {
  if (character === 'ı') return character; // folded only in Turkish (status T)
  // To upper case first, because several lower-case letters can have the same upper-case letter. A character whose
  // upper case is several characters can only be folded to lower case.
  const upper = character.toUpperCase();
  const lower = (isOne(upper) ? upper : character).toLowerCase();
  return isOne(lower) ? lower : character;
}

function isOne(text: string): boolean {
  return Array.from(text).length === 1;
}
