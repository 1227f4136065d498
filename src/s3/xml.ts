import type { LadingError } from '../errors.js';

/** An element of an answer: the service uses no attributes that matter, and no mixed content. */
export interface Element {
  name: string;
  /** The text directly inside, with its entities resolved. */
  text: string;
  children: Element[];
}

/** An answer has at most a thousand keys, an owner and a checksum for each. */
const MAX_ELEMENTS = 50_000;
const MAX_DEPTH = 16;

const CDATA = '<![CDATA[';
const CDATA_END = ']]>';
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads an answer of the service. Only what such answers consist of is accepted: elements, text, the five entities and
 * references to characters, and CDATA, which old moto has. Everything else that XML has (declarations of types and
 * entities, which were how such readers were attacked, instructions) is refused, with the error that `refuse` makes of the
 * reason.
 */
export function readXML(text: string, refuse: (reason: string) => LadingError): Element {
  const root: Element = { name: '', text: '', children: [] };
  const open: Element[] = [root];
  let count = 0;
  let at = /^\uFEFF?(?:<\?xml [^<>?]*\?>)?/.exec(text)?.[0].length ?? 0;
  while (at < text.length) {
    const parent = open[open.length - 1] ?? root;
    const next = text.indexOf('<', at);
    const words = text.slice(at, next < 0 ? text.length : next);
    if (parent !== root) parent.text += resolved(words, refuse);
    else if (words.trim() !== '') throw refuse('it has text outside of its root');
    if (next < 0) break;
    if (parent !== root && text.startsWith(CDATA, next)) {
      const last = text.indexOf(CDATA_END, next);
      if (last < 0) throw refuse('its CDATA has no end');
      parent.text += text.slice(next + CDATA.length, last);
      at = last + CDATA_END.length;
      continue;
    }
    const end = text.indexOf('>', next);
    if (end < 0) throw refuse('a tag has no end');
    const tag = text.slice(next + 1, end);
    at = end + 1;
    if (tag.startsWith('/')) {
      if (parent === root || tag.slice(1).trim() !== parent.name)
        throw refuse(`</${tag.slice(1)} ends nothing`);
      open.pop();
      continue;
    }
    const isEmpty = tag.endsWith('/');
    const [, name] = /^([A-Za-z_][\w.:-]*)(?:\s[^<]*)?$/s.exec(isEmpty ? tag.slice(0, -1) : tag) ?? [];
    if (name === undefined) throw refuse(`it has <${tag.slice(0, 20)}`);
    if (parent === root && root.children.length > 0) throw refuse('it has two roots');
    count += 1;
    if (count > MAX_ELEMENTS || open.length > MAX_DEPTH) throw refuse('it has too many elements');
    const element: Element = { name, text: '', children: [] };
    parent.children.push(element);
    if (!isEmpty) open.push(element);
  }
  const [document] = root.children;
  if (document === undefined || open.length > 1) throw refuse('it is cut off');
  return document;
}

function resolved(text: string, refuse: (reason: string) => LadingError): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,10})(;?)/g, (whole, name: string, end: string) => {
    if (end === '') throw refuse(`it has the entity ${whole}`);
    const known = ENTITIES[name];
    if (known !== undefined) return known;
    const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name) ?? [];
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    if (Number.isNaN(code) || code > 0x10ffff) throw refuse(`it has the entity ${whole}`);
    return String.fromCodePoint(code);
  });
}

/** Returns the first child with this name. */
export function childOf(element: Element | undefined, name: string): Element | undefined {
  return element?.children.find((child) => child.name === name);
}

/** Returns the text of the first child with this name. */
export function textOf(element: Element | undefined, name: string): string | undefined {
  return childOf(element, name)?.text;
}

/** Returns every child with this name. */
export function childrenOf(element: Element | undefined, name: string): Element[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** Returns text as it may stand in an element. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
