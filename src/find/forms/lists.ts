import { isDigest } from '../../content/digest.js';
import type { Finder } from '../finder.js';
import { bareName, isImageName, isPlausible } from '../image-text.js';
import { withoutComment } from '../plain-text.js';

/** The share of lines of a list that may be something else, such as a warning of the program that printed it. */
const MAX_OTHERS = 0.4;

interface Line {
  text: string;
  at: number;
}

/** True if nearly every line of a text is the name of an image, and at least one could be nothing else. */
export function isList(text: string): boolean {
  let [names, others, isSure] = [0, 0, false];
  for (const { text: line } of linesOf(text.slice(0, 200_000))) {
    const name = nameIn(line);
    if (name === undefined) {
      // A key of YAML, a flow or a tag is none of the lines that programs print before a list.
      if (/^[\w"'-][^\s]*:$|^\S+:\s|^[-{[<]/.test(line)) return false;
      others++;
    } else {
      names++;
      if (/[:/@]/.test(name)) isSure = true;
    }
  }
  return isSure && others <= (names + others) * MAX_OTHERS;
}

/** Finds the names in a list with one a line; `#` starts a comment. */
export function findInList(finder: Finder): void {
  for (const { text, at } of linesOf(finder.text)) {
    const name = nameIn(text);
    if (name !== undefined) finder.named(name, { at }, '', 'certain');
    else finder.unresolved(text, at, '', 'it is not the name of an image');
  }
}

function* linesOf(text: string): Generator<Line> {
  let at = 0;
  for (const raw of text.split('\n')) {
    const line = withoutComment(raw.replace(/^\ufeff|\r$/g, ''));
    if (line !== '') yield { text: line, at };
    at += raw.length + 1;
  }
}

/** A name, one with `docker://`, one with a digest beside it (skopeo's digest files), or with what it is copied to. */
function nameIn(line: string): string | undefined {
  const words = line.split(/\s+/);
  const [first = '', second] = words;
  if (second === undefined) return isName(first) ? bareName(first) : undefined;
  if (words.length > 3) return undefined;
  if (isDigest(first) && isName(second)) return withDigest(bareName(second), first);
  if (isName(first) && isDigest(second) && words.length === 2) return withDigest(bareName(first), second);
  return undefined;
}

function withDigest(name: string, digest: string): string {
  return name.includes('@') ? name : `${name}@${digest}`;
}

function isName(word: string): boolean {
  const name = bareName(word);
  return isImageName(name) && isPlausible(name);
}
