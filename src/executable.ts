import { getAsset, isSea } from 'node:sea';

/**
 * Returns a file that the single executable contains, as text; undefined if lading runs from its package instead, where
 * such files lie beside the program. (Node.js, "Single executable applications")
 */
export function embedded(name: string): string | undefined {
  return isSea() ? getAsset(name, 'utf8') : undefined;
}
