import type { Reference } from './reference.mjs';

export function manPages(reference: Reference): Map<string, string>;
