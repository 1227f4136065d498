import type { OldObject } from './bucket-look.js';

/** Objects that were condemned, and when: a run that goes on where another one ended need not wait again. */
export interface Condemnation {
  /** The service's clock, in milliseconds since 1970. */
  at: number;
  /** By key, when the object was last written. */
  objects: ReadonlyMap<string, number>;
}

export function formatCondemned(objects: readonly OldObject[], at: number): Buffer {
  const entries = objects.map(({ key, size, modified }) => ({ key, size, modified }));
  return Buffer.from(`${JSON.stringify({ at, objects: entries }, undefined, 1)}\n`);
}

/** Returns undefined for what this module has not written: then the wait begins anew. */
export function parseCondemned(bytes: Buffer): Condemnation | undefined {
  const document = parsed(bytes);
  if (!isRecord(document) || typeof document.at !== 'number' || !Array.isArray(document.objects))
    return undefined;
  const objects = new Map<string, number>();
  for (const object of document.objects) {
    if (!isRecord(object) || typeof object.key !== 'string' || typeof object.modified !== 'number')
      return undefined;
    objects.set(object.key, object.modified);
  }
  return { at: document.at, objects };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
