/** One document of a file. */
export interface TextDocument {
  text: string;
  /** The line of the file that it begins on, from 1. */
  firstLine: number;
  bytes: number;
}

const LINE_FEED = 0x0a;

/**
 * Splits a file at the marks between YAML documents (`---` at the start of a line), and decodes one document at a time:
 * a parser needs 25 times the memory of what it is given. (YAML 1.2.2, 9.1.2)
 */
export function* documentsOf(utf8: Buffer): Generator<TextDocument> {
  let start = 0;
  let line = 1;
  while (start < utf8.length) {
    let end = markAfter(utf8, start);
    // What has only comments and directives belongs to the next document.
    while (end < utf8.length && hasOnlyComments(utf8, start, end)) end = markAfter(utf8, end);
    const text = utf8.toString('utf8', start, end);
    yield { text, firstLine: line, bytes: end - start };
    line += linesIn(utf8, start, end);
    start = end;
  }
}

/** Returns where the next mark after the line of `start` begins. */
function markAfter(utf8: Buffer, start: number): number {
  for (let at = utf8.indexOf('\n---', start); at >= 0; at = utf8.indexOf('\n---', at + 1)) {
    const next = utf8[at + 4];
    if (next === undefined || next === 0x20 || next === 0x09 || next === 0x0d || next === LINE_FEED)
      return at + 1;
  }
  return utf8.length;
}

/** Such a document is short. */
const MAX_COMMENTS = 4096;

function hasOnlyComments(utf8: Buffer, start: number, end: number): boolean {
  if (end - start > MAX_COMMENTS) return false;
  const text = utf8.toString('latin1', start, end);
  return !text.startsWith('---') && text.split('\n').every((line) => /^\s*(?:[#%].*)?$/.test(line));
}

function linesIn(utf8: Buffer, start: number, end: number): number {
  let lines = 0;
  for (let at = utf8.indexOf(LINE_FEED, start); at >= 0 && at < end; at = utf8.indexOf(LINE_FEED, at + 1))
    lines++;
  return lines;
}
