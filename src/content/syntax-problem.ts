import { LadingError } from '../errors.js';

/** What is wrong with a text that a user wrote in one of lading's small languages, and where. */
export class SyntaxProblem extends Error {
  /** `at` is the place in the text, counted from 0. */
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(message);
  }
}

/** Most characters of a text that an error quotes. */
const MOST_QUOTED = 200;

/** Runs a parser of `text`; what it finds wrong becomes a `USAGE` error that says the column, counted from 1. */
export function parsing<T>(text: string, parse: () => T, hint: string): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    const quoted = text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text;
    throw new LadingError('USAGE', `"${quoted}", column ${error.at + 1}: ${error.message}`, { hint });
  }
}
