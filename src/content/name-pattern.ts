import { Automaton, type CharacterSet, type Expression } from './automaton.js';
import { nameKey } from './names.js';
import { parsing, SyntaxProblem } from './syntax-problem.js';

/** A pattern of names of images, or a part of a name. */
export interface NamePattern {
  text: string;
  /** True if it has a `*`, so that it may stand for several images. */
  isGlob: boolean;
  /** True for the names that are meant. `name` may be as short as the one that an archive has. */
  matches(name: string): boolean;
}

const MOST_CHARACTERS = 1000;

const GRAMMAR =
  'In a pattern, * is a part of a name between slashes, and ** one with slashes: ghcr.io/product/*, **/api:4.*.';

const ANY: Expression = { type: 'character', set: { ranges: [], isNegated: true } };
const NO_SLASH: Expression = character({ ranges: [[0x2f, 0x2f]], isNegated: true });
const SLASH: Expression = literal('/');
const NOTHING: Expression = { type: 'sequence', parts: [] };

/**
 * Parses a pattern of names. `*` stands for any characters but `/`, `**` for any, and a component that is `**` alone for
 * any number of components. A pattern that begins with a host is compared with full names, and any other one with the
 * end of names from a slash on: `product/*` is in every registry. Without a tag it is that of every tag. Throws `USAGE`
 * with the column.
 */
export function parseNamePattern(text: string): NamePattern {
  const expression = parsing(text, () => parsePattern(text), GRAMMAR);
  const automaton = new Automaton(expression);
  const key = text.includes('*') ? undefined : nameKey(text);
  return {
    text,
    isGlob: key === undefined,
    matches(name) {
      if (name === text || automaton.test(name)) return true;
      const full = nameKey(name);
      return full === key || (full !== name && automaton.test(full));
    },
  };
}

function parsePattern(text: string): Expression {
  if (text.length > MOST_CHARACTERS)
    throw new SyntaxProblem(MOST_CHARACTERS, `a pattern has at most ${MOST_CHARACTERS} characters`);
  const strange = /[^\w.\-/:@*+]/.exec(text);
  if (strange !== null) throw new SyntaxProblem(strange.index, `no name of an image has a "${strange[0]}"`);
  if (text === '') throw new SyntaxProblem(0, 'the pattern is empty');
  const slash = text.indexOf('/');
  const isFull = slash > 0 && /[.:]|^localhost$/.test(text.slice(0, slash));
  const start: Expression = { type: 'start' };
  return {
    type: 'sequence',
    parts: [
      isFull ? start : { type: 'choice', alternatives: [start, SLASH] },
      ...partsOf(inLibrary(text)),
      endAfter(text.slice(text.lastIndexOf('/') + 1)),
    ],
  };
}

/** Docker's own images are in `library/`, even if the pattern names only the host. */
function inLibrary(text: string): string {
  const [, repository] = /^(?:index\.)?docker\.io\/([^/*]+)$/.exec(text) ?? [];
  return repository === undefined ? text : `docker.io/library/${repository}`;
}

function partsOf(text: string): Expression[] {
  return (text.match(/(?<![^/])\*\*+\/|\*+|[^*]+/g) ?? []).flatMap((piece): Expression[] => {
    if (piece === '*') return [many(NO_SLASH)];
    if (!piece.startsWith('*')) return [...piece].map(literal);
    if (!piece.endsWith('/')) return [many(ANY)];
    const components: Expression = { type: 'sequence', parts: [many(ANY), SLASH] };
    return [{ type: 'choice', alternatives: [NOTHING, components] }];
  });
}

/** What may follow in a name: a digest, and a tag as well if the pattern has none. */
function endAfter(lastComponent: string): Expression {
  const end: Expression = { type: 'end' };
  const next = lastComponent.includes('@') ? undefined : lastComponent.includes(':') ? '@' : ':@';
  if (next === undefined) return end;
  const sign = character({ ranges: [...next].map(rangeOf), isNegated: false });
  const rest: Expression = { type: 'sequence', parts: [sign, many(NO_SLASH), end] };
  return { type: 'choice', alternatives: [end, rest] };
}

function many(part: Expression): Expression {
  return { type: 'repeat', part, least: 0, most: undefined };
}

function literal(text: string): Expression {
  return character({ ranges: [rangeOf(text)], isNegated: false });
}

function character(set: CharacterSet): Expression {
  return { type: 'character', set };
}

function rangeOf(text: string): readonly [number, number] {
  const code = text.codePointAt(0) ?? 0;
  return [code, code];
}
