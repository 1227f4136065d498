import type { Reference } from './reference.mjs';

export function completions(reference: Pick<Reference, 'commands'>): Map<string, string>;
