/**
 * What a token may be used for: `TYPE:NAME:ACTION[,ACTION…]`. The name may hold colons, so the actions follow
 * the last one. (distribution, "Token Scope Documentation")
 */
export const scope = {
  pull: (repository: string) => `repository:${repository}:pull`,
  push: (repository: string) => `repository:${repository}:pull,push`,
  catalog: () => 'registry:catalog:*',
} as const;

/** Scopes merged by type and name, actions and scopes sorted, `*` in place of all actions. */
export function unionScopes(...lists: readonly (readonly string[])[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const text of lists.flat()) {
    const colon = text.lastIndexOf(':');
    // A scope without actions is kept as it is: it is the token service's own word.
    const resource = colon < 0 ? text : text.slice(0, colon);
    const known = actions.get(resource) ?? new Set();
    actions.set(resource, known);
    if (colon >= 0) for (const action of text.slice(colon + 1).split(',')) known.add(action);
  }
  return [...actions].map(([resource, known]) => format(resource, known)).sort();
}

/** The scopes of a challenge, which stand in one value with spaces between them. */
export function splitScopes(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((part) => part !== '');
}

function format(resource: string, actions: ReadonlySet<string>): string {
  if (actions.size === 0) return resource;
  return `${resource}:${actions.has('*') ? '*' : [...actions].sort().join(',')}`;
}
