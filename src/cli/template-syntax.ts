import { LadingError } from '../index.js';

/** A part of a template: text, a value to print, or a block. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'print'; pipeline: Pipeline }
  | { kind: 'range' | 'if' | 'with'; pipeline: Pipeline; body: Node[]; otherwise: Node[] };

/** Commands, each of which gets the value of the one before as its last argument. */
export type Pipeline = Command[];
/** An operand, or a function with its arguments. */
export interface Command {
  name: string | undefined;
  operands: Operand[];
}

export type Operand =
  | { kind: 'literal'; value: string | number | boolean }
  /** A path from the current value, or with `isRoot` (`$`) from the whole document. */
  | { kind: 'path'; isRoot: boolean; names: string[] }
  | { kind: 'group'; pipeline: Pipeline; names: string[] };

/** Parses the subset of Go's text/template that docs/ls.md describes. Throws `USAGE`. */
export function parseTemplate(text: string): Node[] {
  const reader = new BlockReader(splitActions(text));
  const nodes = reader.nodes();
  const left = reader.take();
  if (left !== undefined) throw invalid(`{{${left.text}}} has nothing to end`);
  return nodes;
}

/** As in docker, shells need not put a real tab into a template. */
function withEscapes(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
}

interface Piece {
  isAction: boolean;
  text: string;
}

/** Splits text from actions; `{{-` and `-}}` remove the white space before and after. */
function splitActions(text: string): Piece[] {
  const pieces: Piece[] = [];
  let place = 0;
  let isTrimmed = false;
  const add = (from: number, to: number, trimEnd: boolean): void => {
    let plain = text.slice(from, to);
    if (isTrimmed) plain = plain.trimStart();
    if (trimEnd) plain = plain.trimEnd();
    if (plain !== '') pieces.push({ isAction: false, text: withEscapes(plain) });
  };
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', place)) {
    const close = endOfAction(text, open + 2);
    const action = text.slice(open + 2, close);
    const trimsBefore = /^-\s/.test(action);
    add(place, open, trimsBefore);
    isTrimmed = /\s-$/.test(action);
    const inside = action.slice(trimsBefore ? 1 : 0, isTrimmed ? -1 : undefined).trim();
    if (!/^\/\*.*\*\/$/s.test(inside)) pieces.push({ isAction: true, text: inside });
    place = close + 2;
  }
  add(place, text.length, false);
  return pieces;
}

/** Finds `}}` outside of quotes. */
function endOfAction(text: string, start: number): number {
  const end = /\/\*.*?\*\/|"(?:\\.|[^"\\])*"|`[^`]*`|(\}\})/gs;
  end.lastIndex = start;
  for (let found = end.exec(text); found !== null; found = end.exec(text))
    if (found[1] !== undefined) return found.index;
  throw invalid(`"${text.slice(start - 2)}" has no }}`);
}

class BlockReader {
  #place = 0;

  constructor(private readonly pieces: readonly Piece[]) {}

  take(): Piece | undefined {
    return this.pieces[this.#place++];
  }

  /** Reads up to `else`, `end`, or the end of the template. */
  nodes(): Node[] {
    const nodes: Node[] = [];
    for (let piece = this.pieces[this.#place]; piece !== undefined; piece = this.pieces[this.#place]) {
      if (piece.isAction && /^(else|end)\b/.test(piece.text)) break;
      this.#place++;
      nodes.push(piece.isAction ? this.#action(piece.text) : { kind: 'text', text: piece.text });
    }
    return nodes;
  }

  #action(text: string): Node {
    const [, kind, rest = ''] = /^(range|if|with)\b(.*)$/s.exec(text) ?? [];
    if (kind === 'range' || kind === 'if' || kind === 'with') {
      const pipeline = parsePipeline(rest, text);
      const body = this.nodes();
      return { kind, pipeline, body, otherwise: this.#otherwise(text) };
    }
    return { kind: 'print', pipeline: parsePipeline(text, text) };
  }

  #otherwise(opening: string): Node[] {
    const piece = this.take();
    if (piece === undefined) throw invalid(`{{${opening}}} has no {{end}}`);
    if (piece.text === 'end') return [];
    const [, chained] = /^else\s+(if\b.*)$/s.exec(piece.text) ?? [];
    if (chained !== undefined) return [this.#action(chained)]; // its end is that of the whole chain
    if (piece.text !== 'else') throw invalid(`{{${piece.text}}} is not understood`);
    const nodes = this.nodes();
    if (this.take()?.text !== 'end') throw invalid(`{{${opening}}} has no {{end}}`);
    return nodes;
  }
}

const TOKEN =
  /\s*(?:("(?:\\.|[^"\\])*"|`[^`]*`)|(-?\d+(?:\.\d+)?)(?![\w.])|(\$?(?:\.\w+)+|\$(?!\w)|\.)|([A-Za-z_]\w*)|([|()]))/y;

type Token = { kind: 'text' | 'number' | 'path' | 'word' | 'sign'; text: string };

function tokensOf(text: string, action: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let place = 0; text.slice(place).trim() !== ''; place = TOKEN.lastIndex) {
    const found = TOKEN.exec(text);
    if (found === null) throw invalid(`{{${action}}} is not understood at "${text.slice(place).trim()}"`);
    const kinds = ['text', 'number', 'path', 'word', 'sign'] as const;
    for (const [index, kind] of kinds.entries()) {
      const part = found[index + 1];
      if (part !== undefined) tokens.push({ kind, text: part });
    }
  }
  return tokens;
}

function parsePipeline(text: string, action: string): Pipeline {
  const tokens = tokensOf(text, action);
  const pipeline = readPipeline(tokens, action);
  if (tokens.length > 0) throw invalid(`{{${action}}} has a ")" too many`);
  return pipeline;
}

function readPipeline(tokens: Token[], action: string): Pipeline {
  const pipeline = [readCommand(tokens, action)];
  while (tokens[0]?.text === '|' && tokens[0].kind === 'sign') {
    tokens.shift();
    pipeline.push(readCommand(tokens, action));
  }
  return pipeline;
}

function readCommand(tokens: Token[], action: string): Command {
  const isFunction = tokens[0]?.kind === 'word' && !/^(true|false)$/.test(tokens[0].text);
  const name = isFunction ? tokens.shift()?.text : undefined;
  const operands: Operand[] = [];
  while (tokens[0] !== undefined && !(tokens[0].kind === 'sign' && tokens[0].text !== '('))
    operands.push(readOperand(tokens, action));
  if (name === undefined && operands.length !== 1)
    throw invalid(
      operands.length === 0 ? `{{${action}}} lacks a value` : `{{${action}}} has values without a function`,
    );
  return { name, operands };
}

function readOperand(tokens: Token[], action: string): Operand {
  const token = tokens.shift();
  switch (token?.kind) {
    case 'text':
      return { kind: 'literal', value: unquote(token.text, action) };
    case 'number':
      return { kind: 'literal', value: Number(token.text) };
    case 'path':
      return { kind: 'path', isRoot: token.text.startsWith('$'), names: namesIn(token.text) };
    case 'sign': {
      const pipeline = readPipeline(tokens, action);
      if (tokens.shift()?.text !== ')') throw invalid(`{{${action}}} has no ")"`);
      const follows = tokens[0]?.kind === 'path' && /^\.\w/.test(tokens[0].text) ? tokens.shift() : undefined;
      return { kind: 'group', pipeline, names: namesIn(follows?.text ?? '') };
    }
    default:
      if (token?.text === 'true' || token?.text === 'false')
        return { kind: 'literal', value: token.text === 'true' };
      throw invalid(`{{${action}}} has a function "${token?.text}" without parentheses around it`);
  }
}

function namesIn(path: string): string[] {
  return path.split('.').filter((name) => name !== '' && name !== '$');
}

function unquote(text: string, action: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    throw invalid(`{{${action}}} has an invalid text ${text}`);
  }
}

export function invalid(problem: string, hint?: string): LadingError {
  return new LadingError('USAGE', `--format: ${problem}`, {
    hint: hint ?? "A template is such as '{{.Name}}', '{{json .}}' or 'table {{.Name}}\\t{{.Size}}'.",
  });
}
