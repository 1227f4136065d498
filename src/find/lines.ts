import type { Finder } from './finder.js';
import { scalarAt } from './node.js';
import { scanText } from './scan-text.js';
import { isImageKey } from './words.js';

const MEMBER = /^(\s*(?:-\s+)*)(?:"([^"]+)"|'([^']+)'|([\w.\-/]+)):[ \t]+(\S.*)$/;

/** Finds images in a text line by line, where a template leaves no document to parse. */
export function findInLines(finder: Finder): void {
  let at = 0;
  for (const raw of finder.text.split('\n')) {
    const line = raw.replace(/\s+#.*$/, '').trimEnd();
    const [, lead = '', doubled, single, plain, value = ''] = MEMBER.exec(line) ?? [];
    const key = doubled ?? single ?? plain;
    if (key !== undefined && isImageKey(key)) {
      const text = value.replace(/^(["'])(.*)\1$/, '$2');
      const scalar = scalarAt(text, at + lead.length);
      if (key === 'image') finder.certain(scalar, key);
      else finder.likely(scalar, key);
    } else scanText(finder, scalarAt(line, at), '');
    at += raw.length + 1;
  }
}
