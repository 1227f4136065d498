import { closest } from './suggest.js';

/**
 * The shape of a document, for templates: what its values are, and which members it may have. `any` is a map with
 * members that nobody knows beforehand, `bytes` a number that is printed with a unit.
 */
export type Shape = 'text' | 'number' | 'bytes' | 'flag' | 'any' | { each: Shape } | { members: Members };
type Members = Readonly<Record<string, Shape>>;

/** Returns the name of a member in templates, where names begin with capital letters: `os.version` is `OsVersion`. */
function templateName(member: string): string {
  return member
    .split(/[._-]/)
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('');
}

/** Finds the member that a name in a template means, whatever its capital letters. */
export function findMember(members: readonly string[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  return (
    members.find((member) => member === name) ??
    members.find((member) => templateName(member).toLowerCase() === wanted)
  );
}

/** Says which names there are instead of `name`. */
export function suggestMember(members: readonly string[], name: string): string {
  const names = members.map(templateName);
  const meant = closest(name, names);
  return meant === undefined ? `There are .${names.join(', .')}.` : `Did you mean .${meant}?`;
}
