/*
 * JSON as text rather than as values: members in their order, with names that may repeat, and values in any spelling.
 */

export type Node =
  | { type: 'object'; members: Member[] }
  | { type: 'array'; items: Node[] }
  /** Text that stands there as it is: a number, a string, or what is no JSON. */
  | { type: 'raw'; text: string };

export interface Member {
  /** With its quotes and escapes. */
  key: string;
  value: Node;
}

/** A value as `JSON.stringify` would write it. */
export function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { type: 'array', items: value.map(nodeOf) };
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, member]) => ({
      key: JSON.stringify(key),
      value: nodeOf(member),
    }));
    return { type: 'object', members };
  }
  return { type: 'raw', text: JSON.stringify(value) };
}

export function textOf(node: Node): string {
  switch (node.type) {
    case 'object':
      return `{${node.members.map(({ key, value }) => `${key}:${textOf(value)}`).join(',')}}`;
    case 'array':
      return `[${node.items.map(textOf).join(',')}]`;
    case 'raw':
      return node.text;
  }
}

/** Every object of a document, with the path to it: `$.config.Labels`. */
export function objectsIn(node: Node, path = '$'): { path: string; members: Member[] }[] {
  switch (node.type) {
    case 'object':
      return [
        { path, members: node.members },
        ...node.members.flatMap(({ key, value }) => objectsIn(value, `${path}.${JSON.parse(key)}`)),
      ];
    case 'array':
      return node.items.flatMap((item, place) => objectsIn(item, `${path}[${place}]`));
    case 'raw':
      return [];
  }
}

/** The whole numbers of a document. */
export function numbersIn(node: Node): { text: string }[] {
  switch (node.type) {
    case 'object':
      return node.members.flatMap(({ value }) => numbersIn(value));
    case 'array':
      return node.items.flatMap(numbersIn);
    case 'raw':
      return /^\d+$/.test(node.text) ? [node] : [];
  }
}

/** What stands at a path of another document of the same shape; undefined where it has another one. */
export function at(node: Node, path: string): Node | undefined {
  return objectsIn(node).find((object) => object.path === path) === undefined
    ? undefined
    : walk(node, path.match(/[^.[\]$]+/g) ?? []);
}

function walk(node: Node, steps: readonly string[]): Node | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return node;
  const next =
    node.type === 'object'
      ? node.members.find(({ key }) => key === JSON.stringify(step))?.value
      : node.type === 'array'
        ? node.items[Number(step)]
        : undefined;
  return next && walk(next, rest);
}

/** Spellings of a member's name that some reader takes for the name itself, by what they do. */
export const SPELLINGS: Readonly<Record<string, (name: string) => string>> = {
  'the same': (name) => JSON.stringify(name),
  'in capitals': (name) => JSON.stringify(name.toUpperCase()),
  'in small letters': (name) => JSON.stringify(name.toLowerCase()),
  'with another first letter': (name) => JSON.stringify(swapCase(name.slice(0, 1)) + name.slice(1)),
  'with another last letter': (name) => JSON.stringify(name.slice(0, -1) + swapCase(name.slice(-1))),
  'with a long s': (name) => JSON.stringify(name.replace(/s/i, '\u017f')),
  'with the Kelvin sign': (name) => JSON.stringify(name.replace(/k/i, '\u212a')),
  'with an escape': (name) => `"${escaped(name.slice(0, 1))}${name.slice(1)}"`,
  'with an escape in capitals': (name) => `"${escaped(name.slice(0, 1).toUpperCase())}${name.slice(1)}"`,
  'with a space': (name) => JSON.stringify(`${name} `),
  'with a NUL': (name) => `"${name}\\u0000"`,
  'with a soft hyphen': (name) => JSON.stringify(`${name}\u00ad`),
  'in full-width letters': (name) =>
    JSON.stringify(name.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))),
};

/** Spellings of a whole number, by what they do. */
export const NUMBERS: Readonly<Record<string, (text: string) => string>> = {
  'with a fraction': (text) => `${text}.0`,
  'with an exponent': (text) => `${text}e0`,
  'with a capital exponent': (text) => `${text}0E-1`,
  'with a zero before it': (text) => `0${text}`,
  'with a plus': (text) => `+${text}`,
  'as a string': (text) => `"${text}"`,
  negative: (text) => `-${text}`,
  'too large to be exact': () => '9007199254740993',
  'larger than 64 bits': () => '18446744073709551617',
};

/** Ways to write a whole document, by what they do. */
export const DOCUMENTS: Readonly<Record<string, (text: string) => string | Buffer>> = {
  'after a byte order mark': (text) => `\ufeff${text}`,
  'with a second document behind it': (text) => `${text}{}`,
  'with a NUL behind it': (text) => `${text}\0`,
  'with a comment': (text) => `${text.slice(0, 1)}/* */${text.slice(1)}`,
  'with a comma too many': (text) => `${text.slice(0, -1)},${text.slice(-1)}`,
  'with white space that is none': (text) => `\u00a0${text}`,
  'with bytes that are not UTF-8': (text) =>
    Buffer.concat([Buffer.from(text.slice(0, 2)), Buffer.from([0xc3, 0x28]), Buffer.from(text.slice(2))]),
  'in UTF-16': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'with line ends': (text) => `\r\n${text}\n`,
};

function swapCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

function escaped(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
