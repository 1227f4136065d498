/** Small changes of text in a time that grows with the text, however strange it is. */

/** Returns a line without a comment, which begins with `#` at its start or behind a space, and without spaces around it. */
export function withoutComment(line: string): string {
  for (let at = line.indexOf('#'); at >= 0; at = line.indexOf('#', at + 1))
    if (at === 0 || /\s/.test(line[at - 1] ?? '')) return line.slice(0, at).trim();
  return line.trim();
}

/** Returns a text without all of one character at its end. */
export function withoutTrailing(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === character) end--;
  return text.slice(0, end);
}

/** Returns the text between two quotes of one kind, and any other text as it is. */
export function unquoted(text: string): string {
  const first = text[0];
  const isQuoted = text.length > 1 && (first === '"' || first === "'") && text.at(-1) === first;
  return isQuoted ? text.slice(1, -1) : text;
}
