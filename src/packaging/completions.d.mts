import type { Reference } from './reference.mjs';

export function completions(reference: Pick<Reference, 'commands' | 'topics'>): Map<string, string>;
