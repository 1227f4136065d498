/** The offsets of a value in its text. */
export interface Span {
  start: number;
  end: number;
}

/** A member of an object: its name begins at `start`, its value ends at `end`. */
export interface MemberSpan extends Span {
  name: string;
  value: Span;
}

/**
 * Returns the members of the object that begins at `start`, in the order of the text. `parseJSON` must have accepted
 * the text, which is not checked again.
 */
export function membersOf(text: string, start: number): MemberSpan[] {
  return itemsOf(text, start, (at) => {
    const nameEnd = endOfString(text, at);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = endOfValue(text, valueStart);
    const name: string = JSON.parse(text.slice(at, nameEnd));
    return { name, start: at, end, value: { start: valueStart, end } };
  });
}

/** Returns the elements of the list that begins at `start`, of text that `parseJSON` has accepted. */
export function elementsOf(text: string, start: number): Span[] {
  return itemsOf(text, start, (at) => ({ start: at, end: endOfValue(text, at) }));
}

function itemsOf<T extends Span>(text: string, start: number, itemAt: (at: number) => T): T[] {
  const items: T[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== '}' && text[at] !== ']') {
    const item = itemAt(at);
    items.push(item);
    at = skipSpace(text, item.end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return items;
}

/** Returns the offset of the next character from `start` on that is not white space. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function endOfValue(text: string, start: number): number {
  if (text[start] === '"') return endOfString(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at) - 1;
        break;
      case '{':
      case '[':
        depth += 1;
        break;
      case '}':
      case ']':
        if (depth === 0) return at;
        depth -= 1;
        if (depth === 0) return at + 1;
        break;
      case ',':
        if (depth === 0) return at;
        break;
      default:
        if (depth === 0 && isSpace(text.charCodeAt(at))) return at;
    }
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Returns JSON text without the white space between its tokens. */
export function withoutSpace(text: string): string {
  let compact = '';
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const start = at;
    if (text[at] === '"') at = endOfString(text, at);
    else while (at < text.length && text[at] !== '"' && !isSpace(text.charCodeAt(at))) at += 1;
    compact += text.slice(start, at);
  }
  return compact;
}

function isSpace(character: number): boolean {
  return character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09;
}
