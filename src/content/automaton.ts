/** A set of characters, as ranges of code points that include both ends. */
export interface CharacterSet {
  ranges: readonly (readonly [first: number, last: number])[];
  /** True if it has all characters but these. */
  isNegated: boolean;
}

/** A regular expression as a tree. */
export type Expression =
  | { type: 'character'; set: CharacterSet }
  /** The beginning or the end of the text. */
  | { type: 'start' | 'end' }
  | { type: 'sequence'; parts: readonly Expression[] }
  | { type: 'choice'; alternatives: readonly Expression[] }
  /** `most` is undefined if there is no limit. */
  | { type: 'repeat'; part: Expression; least: number; most: number | undefined };

type Instruction =
  | { op: 'character'; set: CharacterSet; next: number }
  | { op: 'start' | 'end'; next: number }
  | { op: 'split'; to: readonly number[] }
  | { op: 'match' };

/** A set of instructions that can be reached with the same text, and where each next character leads. */
interface State {
  instructions: readonly number[];
  isMatch: boolean;
  next: Map<number, State>;
}

/** Limit of the steps of an expression. `(a{100}){100}` would have more. */
const MOST_INSTRUCTIONS = 2000;
/** States are forgotten and made again above this number, so that their memory is bounded. */
const MOST_STATES = 1000;

/**
 * Finds texts that contain what an expression describes. It follows all ways through the expression at once and takes
 * each character once, so that the time is linear in the length of the text for every expression; expressions that come
 * with a list of strangers cannot stop a run, as they can with a `RegExp`, which tries one way after the other. (Russ
 * Cox, "Regular Expression Matching Can Be Simple And Fast"; RE2 does the same.)
 */
export class Automaton {
  readonly #program: Instruction[] = [];
  readonly #entry: number;
  readonly #first: State;
  #states = new Map<string, State>();

  /** Throws a `RangeError` if the expression is too large. */
  constructor(expression: Expression) {
    this.#entry = this.#compile(expression, this.#add({ op: 'match' }));
    this.#first = this.#stateOf(this.#closure([this.#entry], { atStart: true }));
  }

  /** True if some part of the text, which may be empty, is described by the expression. */
  test(text: string): boolean {
    let state = this.#first;
    for (const character of text) {
      if (state.isMatch) return true;
      state = this.#step(state, character.codePointAt(0) ?? 0);
    }
    if (state.isMatch) return true;
    return this.#hasMatch(
      this.#closure(state.instructions, { atStart: state === this.#first && text === '', atEnd: true }),
    );
  }

  #step(state: State, code: number): State {
    const known = state.next.get(code);
    if (known !== undefined) return known;
    const reached: number[] = [];
    for (const place of state.instructions) {
      const instruction = this.#program[place];
      if (instruction?.op === 'character' && contains(instruction.set, code)) reached.push(instruction.next);
    }
    reached.push(this.#entry); // what is looked for may begin at any character
    const next = this.#stateOf(this.#closure(reached, {}));
    state.next.set(code, next);
    return next;
  }

  #stateOf(instructions: readonly number[]): State {
    const key = instructions.join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= MOST_STATES) {
      for (const state of this.#states.values()) state.next.clear();
      this.#states = new Map();
    }
    const state = { instructions, isMatch: this.#hasMatch(instructions), next: new Map() };
    this.#states.set(key, state);
    return state;
  }

  #hasMatch(instructions: readonly number[]): boolean {
    return instructions.some((place) => this.#program[place]?.op === 'match');
  }

  /** Returns the instructions that wait for a character or for the end, and those that match, in order. */
  #closure(
    places: readonly number[],
    { atStart = false, atEnd = false }: { atStart?: boolean; atEnd?: boolean },
  ): number[] {
    const seen = new Set<number>();
    const waiting: number[] = [];
    const open = [...places];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (seen.has(place)) continue;
      seen.add(place);
      const instruction = this.#program[place];
      if (instruction === undefined) continue;
      switch (instruction.op) {
        case 'split':
          open.push(...instruction.to);
          break;
        case 'start':
          if (atStart) open.push(instruction.next);
          break;
        case 'end':
          if (atEnd) open.push(instruction.next);
          else waiting.push(place);
          break;
        default:
          waiting.push(place);
      }
    }
    return waiting.sort((a, b) => a - b);
  }

  #add(instruction: Instruction): number {
    if (this.#program.length >= MOST_INSTRUCTIONS) throw new RangeError('the expression is too large');
    return this.#program.push(instruction) - 1;
  }

  /** Adds the instructions for an expression that goes on at `next`; returns the place of the first one. */
  #compile(expression: Expression, next: number): number {
    switch (expression.type) {
      case 'character':
        return this.#add({ op: 'character', set: expression.set, next });
      case 'start':
      case 'end':
        return this.#add({ op: expression.type, next });
      case 'sequence':
        return expression.parts.reduceRight((after, part) => this.#compile(part, after), next);
      case 'choice':
        return this.#add({
          op: 'split',
          to: expression.alternatives.map((alternative) => this.#compile(alternative, next)),
        });
      case 'repeat':
        return this.#compileRepeat(expression, next);
    }
  }

  #compileRepeat({ part, least, most }: Expression & { type: 'repeat' }, next: number): number {
    let after = next;
    if (most === undefined) {
      after = this.#add({ op: 'split', to: [] });
      this.#program[after] = { op: 'split', to: [this.#compile(part, after), next] };
    } else {
      for (let count = least; count < most; count++)
        after = this.#add({ op: 'split', to: [this.#compile(part, after), next] });
    }
    for (let count = 0; count < least; count++) after = this.#compile(part, after);
    return after;
  }
}

function contains({ ranges, isNegated }: CharacterSet, code: number): boolean {
  return ranges.some(([first, last]) => code >= first && code <= last) !== isNegated;
}
