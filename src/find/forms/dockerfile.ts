import type { Finder } from '../finder.js';
import { isPlausible } from '../image-text.js';
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
      const { flags, words } = flagsOf(rest);
      const [image = '', as = '', stage] = words;
      const base = substitute(image, globals);
      if (!stages.has(base.toLowerCase())) {
        const platform = substitute(flags.get('platform') ?? '', globals);
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
  let current: Instruction | undefined;
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
    const trimmed = line.trimEnd();
    const goesOn = trimmed.endsWith(escapeMark);
    const part = goesOn ? trimmed.slice(0, -1) : trimmed;
    if (current === undefined) {
      current = { ...instructionIn(part), at: start + (part.length - part.trimStart().length) };
    } else current.rest += ` ${part.trim()}`;
    if (goesOn) continue;
    if (['RUN', 'COPY', 'ADD'].includes(current.name)) heredocs = heredocsIn(current.rest);
    yield current;
    current = undefined;
  }
  if (current !== undefined) yield current;
}

/** Returns the words that end the texts below an instruction: `<<EOF`, `<<-"EOF"`; `<<<` begins none. */
function heredocsIn(text: string): string[] {
  const found: string[] = [];
  for (let at = text.indexOf('<<'); at >= 0; at = text.indexOf('<<', at + 2)) {
    if (text[at + 2] === '<') {
      while (text[at + 2] === '<') at++;
      continue;
    }
    const start = text[at + 2] === '-' ? at + 3 : at + 2;
    const [, word] = /^["']?([^\s"'<>|&;]{1,100})/.exec(text.slice(start, start + 102)) ?? [];
    if (word !== undefined) found.push(word);
  }
  return found;
}

function inner({ rest, at }: Instruction): Instruction {
  return { ...instructionIn(rest), at };
}

/** The first word, and what follows it. */
function instructionIn(text: string): { name: string; rest: string } {
  const [start = '', name = ''] = /^\s*([A-Za-z]+)(?:\s|$)/.exec(text) ?? [];
  return { name: name.toUpperCase(), rest: name === '' ? '' : text.slice(start.length).trim() };
}

function flagsOf(rest: string): { flags: Map<string, string>; words: string[] } {
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (const word of rest.split(/\s+/)) {
    const [, name, value] = /^--([a-z-]+)=(.*)$/.exec(word) ?? [];
    if (name !== undefined && words.length === 0) flags.set(name, value ?? '');
    else if (word !== '') words.push(word);
  }
  return { flags, words };
}

function sourcesOf(name: string, rest: string): string[] {
  if (name === 'COPY' || name === 'ADD') {
    const from = flagsOf(rest).flags.get('from');
    return from === undefined || from === '' ? [] : [from];
  }
  if (name !== 'RUN') return [];
  return rest
    .split(/\s+/)
    .filter((word) => word.startsWith('--mount='))
    .flatMap((word) => word.slice('--mount='.length).split(','))
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

/** Replaces `$NAME`, `${NAME}` and `${NAME:-default}`; what is not known stays as it is. */
function substitute(text: string, known: ReadonlyMap<string, string>): string {
  const filled = text.replace(
    /\$\{([A-Za-z_]\w*)(?::?([-+])([^{}]*))?\}|\$([A-Za-z_]\w*)/g,
    (whole, braced, sign, other, bare) => {
      const value = known.get(braced ?? bare);
      if (sign === '+') return value === undefined || value === '' ? '' : other;
      if (value !== undefined && value !== '') return value;
      return sign === '-' ? substitute(other, known) : whole;
    },
  );
  return unquoted(filled);
}

function isPlatform(text: string): boolean {
  return /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/.test(text);
}
