import { type RawEntry, rawEntry } from '../tar-maker.js';
import type { FileAttack, Reader } from './attack.js';
import { asTar, blobName, dockerParts, goodImage, layoutParts, set, tarOfParts } from './image.js';

export const LAYER = blobName(goodImage().layer);
export const ONE_READING = 'what two readers can understand in two ways is refused';
export const BOUNDED = 'what a header may take of memory and time is bounded (CVE-2020-1702, CVE-2023-25153)';
export const FILES_ONLY = 'only regular files are content';
export const OF_LAYERS = ['inspect', 'ls'] as const;

/** Makes a layout whose layer is an entry of another kind. */
export function layerAs(name: string, what: string, entry: Omit<RawEntry, 'name'>): FileAttack {
  return {
    name,
    what,
    rule: FILES_ONLY,
    code: 'INVALID_ARCHIVE',
    unseenBy: OF_LAYERS,
    place: asTar(() => set(layoutParts(), LAYER, entry)),
  };
}

/** The same with a kind that tools read differently: the whole archive is refused. */
export function ambiguousAs(name: string, what: string, entry: Omit<RawEntry, 'name'>): FileAttack {
  return { ...layerAs(name, what, entry), rule: ONE_READING, unseenBy: [] };
}

/** Makes a valid layout with these entries before it. */
export function header(name: string, what: string, rule: string, ...entries: RawEntry[]): FileAttack {
  return {
    name,
    what,
    rule,
    code: 'INVALID_ARCHIVE',
    place: asTar(() => Buffer.concat([...entries.map(rawEntry), tarOfParts(layoutParts())])),
  };
}

/** Makes a header with these bytes in the field for the size. */
export function size(name: string, what: string, field: string | Buffer): FileAttack {
  return header(name, what, ONE_READING, { name: 'file', body: 'x', size: field });
}

export function pax(name: string, what: string, body: string, rule = ONE_READING): FileAttack {
  return header(name, what, rule, { name: 'PaxHeader', type: 'x', body }, { name: 'file', body: 'x' });
}

/** Repeats a part of an archive with other bytes. */
export function twice(
  name: string,
  what: string,
  part: string,
  body: string | Buffer,
  unseenBy?: readonly Reader[],
): FileAttack {
  return {
    name,
    what,
    rule: ONE_READING,
    code: 'INVALID_ARCHIVE',
    ...(unseenBy && { unseenBy }),
    place: asTar(() => {
      const parts = part === 'manifest.json' ? dockerParts() : layoutParts();
      parts.set('again', { name: part, body });
      return parts;
    }),
  };
}
