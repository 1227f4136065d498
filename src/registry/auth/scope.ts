/**
 * Access that a token grants: `TYPE:NAME:ACTION[,ACTION…]`. The name may contain colons, so the actions follow the last
 * one. (distribution, "Token Scope Documentation")
 */
export const scope = {
  pull: (repository: string) => `repository:${repository}:pull`,
  push: (repository: string) => `repository:${repository}:pull,push`,
  catalog: () => 'registry:catalog:*',
} as const;

/** Merges scopes with the same type and name, and sorts scopes and actions; `*` replaces all actions. */
export function unionScopes(...lists: readonly (readonly string[])[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const text of lists.flat()) {
    const colon = text.lastIndexOf(':');
    // A scope without actions is kept unchanged: it has a meaning to the token service.
    const resource = colon < 0 ? text : text.slice(0, colon);
    const known = actions.get(resource) ?? new Set();
    actions.set(resource, known);
    if (colon >= 0) for (const action of text.slice(colon + 1).split(',')) known.add(action);
  }
  return [...actions].map(([resource, known]) => format(resource, known)).sort();
}

/** Splits the scopes of a challenge, which are separated by spaces. */
export function splitScopes(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((part) => part !== '');
}

function format(resource: string, actions: ReadonlySet<string>): string {
  if (actions.size === 0) return resource;
  return `${resource}:${actions.has('*') ? '*' : [...actions].sort().join(',')}`;
}
