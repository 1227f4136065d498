import { Automaton, type CharacterSet, type Expression } from './automaton.js';
import { SyntaxProblem } from './syntax-problem.js';

/** Most times that `{N}` repeats. */
const MOST_REPEATS = 1000;
/** How deep groups may be nested. */
const MOST_DEPTH = 100;

/**
 * Compiles a regular expression with the syntax that Go's RE2 and JavaScript share: characters, `.`, `[a-z]`, `\d \w
 * \s`, `^ $`, groups, `|`, `* + ? {N,M}`. What cannot be matched in linear time, back references and looking around, is
 * refused. `at` is the place of `text` in what the user wrote. Throws a `SyntaxProblem`.
 */
export function compileRegularExpression(text: string, at = 0): Automaton {
  const expression = new Parser(text, at).parse();
  try {
    return new Automaton(expression);
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxProblem(at, error.message);
    throw error;
  }
}

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [...DIGIT, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACE: Ranges = [
  [0x09, 0x0d],
  [0x20, 0x20],
];
/** What `.` does not match. */
const LINE_ENDS: Ranges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const CLASSES: Readonly<Record<string, CharacterSet>> = {
  d: { ranges: DIGIT, isNegated: false },
  D: { ranges: DIGIT, isNegated: true },
  w: { ranges: WORD, isNegated: false },
  W: { ranges: WORD, isNegated: true },
  s: { ranges: SPACE, isNegated: false },
  S: { ranges: SPACE, isNegated: true },
};

type Ranges = CharacterSet['ranges'];

class Parser {
  #next = 0;
  readonly #characters: readonly string[];

  constructor(
    text: string,
    private readonly offset: number,
  ) {
    this.#characters = [...text];
  }

  parse(): Expression {
    const expression = this.#choice(0);
    if (this.#peek() !== undefined) throw this.#problem('this ) closes nothing');
    return expression;
  }

  #choice(depth: number): Expression {
    if (depth > MOST_DEPTH) throw this.#problem('groups are nested too deep');
    const alternatives = [this.#sequence(depth)];
    while (this.#accept('|')) alternatives.push(this.#sequence(depth));
    const [only, ...others] = alternatives;
    return only !== undefined && others.length === 0 ? only : { type: 'choice', alternatives };
  }

  #sequence(depth: number): Expression {
    const parts: Expression[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek())
      parts.push(this.#repeated(depth));
    return { type: 'sequence', parts };
  }

  #repeated(depth: number): Expression {
    const start = this.#next;
    const part = this.#atom(depth);
    const counts = this.#counts();
    if (counts === undefined) return part;
    if (part.type === 'start' || part.type === 'end')
      throw this.#problem('an anchor cannot be repeated', start);
    this.#accept('?'); // how greedy it is decides which part is found, and not whether there is one
    if (this.#peek() === '*' || this.#peek() === '+' || this.#peek() === '{')
      throw this.#problem('there is nothing to repeat');
    return { type: 'repeat', part, ...counts };
  }

  #counts(): { least: number; most: number | undefined } | undefined {
    if (this.#accept('*')) return { least: 0, most: undefined };
    if (this.#accept('+')) return { least: 1, most: undefined };
    if (this.#accept('?')) return { least: 0, most: 1 };
    if (this.#peek() !== '{') return undefined;
    const start = this.#next;
    this.#next++;
    const least = this.#number();
    const most = this.#accept(',') ? (this.#peek() === '}' ? undefined : this.#number()) : least;
    if (!this.#accept('}') || least === undefined || (most !== undefined && most < least))
      throw this.#problem('a repetition is {N}, {N,} or {N,M}', start);
    if (Math.max(least, most ?? 0) > MOST_REPEATS)
      throw this.#problem(`nothing is repeated more than ${MOST_REPEATS} times`, start);
    return { least, most };
  }

  #number(): number | undefined {
    let digits = '';
    for (let next = this.#peek(); next !== undefined && /^[0-9]$/.test(next); next = this.#peek()) {
      digits += next;
      this.#next++;
    }
    return digits === '' ? undefined : Number(digits);
  }

  #atom(depth: number): Expression {
    const start = this.#next;
    const character = this.#take();
    switch (character) {
      case '(':
        return this.#group(depth, start);
      case '[':
        return { type: 'character', set: this.#set(start) };
      case '.':
        return { type: 'character', set: { ranges: LINE_ENDS, isNegated: true } };
      case '^':
        return { type: 'start' };
      case '$':
        return { type: 'end' };
      case '\\':
        return { type: 'character', set: this.#escape(start) };
      case '*':
      case '+':
      case '?':
        throw this.#problem('there is nothing to repeat', start);
      case '{':
      case '}':
      case ']':
        throw this.#problem(`${character} must be written \\${character}`, start);
      default:
        return { type: 'character', set: single(character) };
    }
  }

  #group(depth: number, start: number): Expression {
    if (this.#accept('?') && !this.#accept(':'))
      throw this.#problem('the only group with a question mark is (?:…)', start);
    const inner = this.#choice(depth + 1);
    if (!this.#accept(')')) throw this.#problem('this ( is not closed', start);
    return inner;
  }

  #set(start: number): CharacterSet {
    const isNegated = this.#accept('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.#accept(']')) {
      const place = this.#next;
      const first = this.#member(start);
      if (this.#peek() !== '-' || this.#characters[this.#next + 1] === ']') {
        ranges.push(...plainRanges(first));
        continue;
      }
      this.#next++;
      const [low, high] = [codeOf(first), codeOf(this.#member(start))];
      if (low === undefined || high === undefined || high < low)
        throw this.#problem('this is no range of characters', place);
      ranges.push([low, high]);
    }
    return { ranges, isNegated };
  }

  #member(start: number): CharacterSet {
    if (this.#peek() === undefined) throw this.#problem('this [ is not closed', start);
    const place = this.#next;
    const character = this.#take();
    if (character === '[') throw this.#problem('[ must be written \\[ here', place);
    return character === '\\' ? this.#escape(place) : single(character);
  }

  #escape(start: number): CharacterSet {
    const character = this.#characters[this.#next++];
    if (character === undefined) throw this.#problem('a \\ comes before a character', start);
    const known = CLASSES[character];
    if (known !== undefined) return known;
    if (/^[A-Za-z0-9]$/.test(character)) throw this.#problem(`\\${character} is not supported`, start);
    return single(character);
  }

  #peek(): string | undefined {
    return this.#characters[this.#next];
  }

  #take(): string {
    return this.#characters[this.#next++] ?? '';
  }

  #accept(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#next++;
    return true;
  }

  #problem(message: string, place = this.#next): SyntaxProblem {
    const before = this.#characters.slice(0, place).join('').length;
    return new SyntaxProblem(this.offset + before, message);
  }
}

function single(character: string): CharacterSet {
  const code = character.codePointAt(0) ?? 0;
  return { ranges: [[code, code]], isNegated: false };
}

function codeOf({ ranges: [range], isNegated }: CharacterSet): number | undefined {
  return !isNegated && range !== undefined && range[0] === range[1] ? range[0] : undefined;
}

/** Returns the ranges of a set, also of one that is stated by what it lacks. */
function plainRanges({ ranges, isNegated }: CharacterSet): Ranges {
  if (!isNegated) return ranges;
  const inverse: (readonly [number, number])[] = [];
  let first = 0;
  for (const [low, high] of ranges) {
    if (low > first) inverse.push([first, low - 1]);
    first = high + 1;
  }
  return [...inverse, [first, 0x10ffff]];
}
