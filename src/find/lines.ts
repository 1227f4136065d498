import type { Finder } from './finder.js';
import { scalarAt } from './node.js';
import { unquoted, withoutComment } from './plain-text.js';
import { scanText } from './scan-text.js';
import { isImageKey } from './words.js';

const MEMBER = /^(\s*(?:-\s+)*)(?:"([^"]+)"|'([^']+)'|([\w.\-/]+)):[ \t]+(\S.*)$/;

/** Finds images in a text line by line, where a template leaves no document to parse. */
export function findInLines(finder: Finder): void {
  let at = 0;
  for (const raw of finder.text.split('\n')) {
    const line = raw.slice(0, raw.length - raw.trimStart().length) + withoutComment(raw);
    const [, lead = '', doubled, single, plain, value = ''] = MEMBER.exec(line) ?? [];
    const key = doubled ?? single ?? plain;
    if (key !== undefined && isImageKey(key)) {
      const text = unquoted(value);
      const scalar = scalarAt(text, at + lead.length);
      if (key === 'image') finder.certain(scalar, key);
      else finder.likely(scalar, key);
    } else scanText(finder, scalarAt(line, at), '');
    at += raw.length + 1;
  }
}
