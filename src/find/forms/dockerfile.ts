import type { Finder } from '../finder.js';
import { isPlausible } from '../image-text.js';
import { interpolated } from '../interpolate.js';
import type { Scalar } from '../node.js';
import { unquoted } from '../plain-text.js';
import { isImageKey } from '../words.js';

/** An instruction with its continued lines joined. */
interface Instruction {
  name: string;
  rest: string;
  at: number;
}

/** Stages that are no images. */
const SCRATCH = 'scratch';

/**
 * Finds the images that a Dockerfile builds upon: `FROM`, `COPY --from`, `RUN --mount=…,from=` and `# syntax=`.
 * Arguments are replaced by their defaults. (Dockerfile reference, "FROM", "ARG", "Parser directives")
 */
export function findInDockerfile(finder: Finder): void {
  const { text } = finder;
  const { syntax, escapeMark } = directivesOf(text);
  if (syntax !== undefined) finder.named(syntax.value, syntax, '# syntax', 'certain');
  const globals = new Map<string, string>();
  let locals = new Map<string, string>();
  const stages = new Set<string>([SCRATCH]);
  let number = -1;
  /** The line of a word may be one that the instruction goes on in. */
  const placeOf = (word: string, at: number): { at: number } => ({
    at: Math.max(at, text.indexOf(word, at)),
  });
  for (const given of instructionsOf(text, escapeMark)) {
    const { name, rest, at } = given.name === 'ONBUILD' ? inner(given) : given;
    const filled = (value: string): string => substitute(value, number < 0 ? globals : locals);
    if (name === 'ARG' || name === 'ENV') {
      for (const [key, value] of assignmentsOf(rest, name === 'ENV')) {
        const known = value === undefined ? globals.get(key) : filled(value);
        if (known === undefined) continue;
        (number < 0 ? globals : locals).set(key, known);
        if (name === 'ENV' && isImageKey(key) && isPlausible(known))
          finder.named(known, placeOf(value ?? '', at), name, 'likely');
      }
    } else if (name === 'FROM') {
      const words = flagsOf(rest);
      const [image = '', as = '', stage] = words.words;
      const base = substitute(image, globals);
      if (!stages.has(base.toLowerCase())) {
        const platform = substitute(flag(words, 'platform'), globals);
        finder.named(base, placeOf(image, at), 'FROM', 'certain', {
          platform: isPlatform(platform) ? platform : undefined,
        });
      }
      number++;
      locals = new Map();
      if (as.toLowerCase() === 'as' && stage !== undefined) stages.add(stage.toLowerCase());
    } else {
      for (const from of sourcesOf(name, rest)) {
        const base = filled(from);
        if (/^\d+$/.test(base) || stages.has(base.toLowerCase())) continue;
        finder.named(base, placeOf(from, at), name, 'certain');
      }
    }
  }
}

/** Finds the images of a Dockerfile that is a value of another document. */
export function findInInlineDockerfile(outer: Finder, value: Scalar, path: string): void {
  outer.done(value);
  findInDockerfile(outer.inner(value, path));
}

/** True if a text without a name can only be a Dockerfile. */
export function isDockerfile(text: string): boolean {
  for (const line of text.split('\n', 400)) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    if (/^ARG\s+[A-Za-z_]\w*(?:=.*)?$/i.test(word)) continue;
    return /^FROM\s+(?:--platform=\S+\s+)?[\w./:@${}-]+(?:\s+AS\s+\S+)?$/i.test(word);
  }
  return false;
}

/** Directives are comments before everything else. */
function directivesOf(text: string): { syntax?: { value: string; at: number }; escapeMark: string } {
  let at = 0;
  let syntax: { value: string; at: number } | undefined;
  let escapeMark = '\\';
  for (const line of text.split('\n')) {
    if (at === 0 && line.startsWith('#!')) {
      at += line.length + 1;
      continue;
    }
    const [, name, value] = /^\s*#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) break;
    if (name.toLowerCase() === 'syntax') syntax ??= { value, at };
    if (name.toLowerCase() === 'escape') escapeMark = value;
    at += line.length + 1;
  }
  return { ...(syntax && { syntax }), escapeMark };
}

function* instructionsOf(text: string, escapeMark: string): Generator<Instruction> {
  let at = 0;
  let current: { text: string; at: number } | undefined;
  let heredocs: string[] = [];
  for (const raw of text.split('\n')) {
    const start = at;
    at += raw.length + 1;
    const line = raw.replace(/\r$/, '');
    if (heredocs.length > 0) {
      if (line.replace(/^\t+/, '') === heredocs[0]) heredocs.shift();
      continue;
    }
    if (/^\s*#/.test(line) || (current === undefined && line.trim() === '')) continue;
    if (current !== undefined && line.trim() === '') continue;
    const trimmed = line.trimEnd();
    // The mark may stand for itself: `\\` at the end of a line.
    const goesOn = trimmed.endsWith(escapeMark) && !trimmed.endsWith(escapeMark.repeat(2));
    const part = goesOn ? trimmed.slice(0, -1) : line;
    // A word may go on in the next line.
    current = { text: (current?.text ?? '') + part, at: current?.at ?? start + indentOf(part) };
    if (goesOn) continue;
    const instruction = { ...instructionIn(current.text), at: current.at };
    if (['RUN', 'COPY', 'ADD'].includes(instruction.name)) heredocs = heredocsIn(instruction.rest);
    yield instruction;
    current = undefined;
  }
  if (current !== undefined) yield { ...instructionIn(current.text), at: current.at };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Returns the words that end the texts below an instruction: those of words such as `<<EOF`, `3<<-"EOF"`. */
function heredocsIn(text: string): string[] {
  const found: string[] = [];
  for (const word of quotedWords(text)) {
    const [, end] = /^\d*<<-?([^<]{1,100})$/.exec(word) ?? [];
    if (end !== undefined) found.push(end.replace(/["']/g, ''));
  }
  return found;
}

/** Returns the words of a text; what is in quotes is not divided. */
function* quotedWords(text: string): Generator<string> {
  let word = '';
  let quote = '';
  let isEscaped = false;
  for (const character of text) {
    if (quote === '' && !isEscaped && /\s/.test(character)) {
      if (word !== '') yield word;
      word = '';
      continue;
    }
    if (isEscaped) isEscaped = false;
    else if (character === '\\') isEscaped = quote !== "'";
    else if (quote === character) quote = '';
    else if (quote === '' && /["']/.test(character)) quote = character;
    word += character;
  }
  if (word !== '') yield word;
}

function inner({ rest, at }: Instruction): Instruction {
  return { ...instructionIn(rest), at };
}

/** The first word, and what follows it. */
function instructionIn(text: string): { name: string; rest: string } {
  const [start = '', name = ''] = /^\s*([A-Za-z]+)(?:\s|$)/.exec(text) ?? [];
  return { name: name.toUpperCase(), rest: name === '' ? '' : text.slice(start.length).trim() };
}

interface Words {
  /** Flags without dashes, with their values; one without a value has an empty one. */
  flags: [name: string, value: string][];
  words: string[];
}

/** Flags stand before everything else. */
function flagsOf(rest: string): Words {
  const flags: [string, string][] = [];
  const words: string[] = [];
  for (const word of quotedWords(rest)) {
    const [, name, value = ''] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined && words.length === 0) flags.push([name, value.replace(/["']/g, '')]);
    else words.push(word);
  }
  return { flags, words };
}

function flag({ flags }: Words, name: string): string {
  return flags.findLast(([key]) => key === name)?.[1] ?? '';
}

function sourcesOf(name: string, rest: string): string[] {
  const words = flagsOf(rest);
  if (name === 'COPY') return [flag(words, 'from')].filter((from) => from !== '');
  if (name !== 'RUN') return [];
  return words.flags
    .filter(([key]) => key === 'mount')
    .flatMap(([, value]) => value.split(','))
    .filter((part) => part.startsWith('from='))
    .map((part) => part.slice('from='.length));
}

function assignmentsOf(rest: string, isEnvironment: boolean): [key: string, value: string | undefined][] {
  const found: [string, string | undefined][] = [];
  for (const [, key = '', , doubled, single, plain] of rest.matchAll(
    /([A-Za-z_]\w*)(=(?:"([^"]*)"|'([^']*)'|(\S*)))?/g,
  ))
    found.push([key, doubled ?? single ?? plain]);
  // The old form, `ENV NAME VALUE`.
  const [, key] = /^([A-Za-z_]\w*)\s/.exec(rest) ?? [];
  return isEnvironment && key !== undefined && !rest.includes('=')
    ? [[key, rest.slice(key.length).trim()]]
    : found;
}

/** What is not known stays as it is. */
function substitute(text: string, known: ReadonlyMap<string, string>): string {
  return unquoted(interpolated(text, known));
}

function isPlatform(text: string): boolean {
  return /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/.test(text);
}
