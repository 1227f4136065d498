import type { Writable } from 'node:stream';
import { type ErrorCode, isLadingError, messageOf, printable } from '../index.js';
import { formatJSON } from './format.js';

/** Where a command's words go: results to standard output, all else to standard error. */
export interface Output {
  /** The result: as one JSON document with `--json`, else as text. */
  result(json: unknown, text: () => string): void;
  /** Standard output carries an archive: the result then goes to standard error. */
  reserveStdout(): Writable;
  message(text: string): void;
  /** Not shown with `--quiet`. */
  warning(text: string): void;
  error(error: unknown): void;
}

export interface OutputOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  stdout: Writable;
  stderr: Writable;
}

export function createOutput({ json, quiet, verbose, stdout, stderr }: OutputOptions): Output {
  let resultStream = stdout;
  const message = (text: string): void => {
    stderr.write(`${text}\n`);
  };
  return {
    result(document, text) {
      const shown = json ? `${formatJSON(document, 2)}\n` : text();
      if (shown !== '') resultStream.write(shown);
    },
    reserveStdout() {
      resultStream = stderr;
      return stdout;
    },
    message,
    warning(text) {
      if (!quiet) message(`warning: ${printable(text)}`);
    },
    error(error) {
      const { code, message: text, hint } = describeError(error);
      if (json) {
        resultStream.write(`${formatJSON({ error: { code, message: text, hint } })}\n`);
        return;
      }
      message(`lading: ${text}`);
      if (hint !== undefined) message(`hint: ${hint}`);
      if (verbose) for (const cause of causesOf(error)) message(`cause: ${cause}`);
    },
  };
}

/** What is shown of any thrown value. */
export function describeError(error: unknown): {
  code: ErrorCode | 'INTERNAL';
  message: string;
  hint: string | undefined;
} {
  if (isLadingError(error)) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: 'INTERNAL',
    message: messageOf(error),
    hint: 'This should not happen: run the command again with --verbose, and report what it says.',
  };
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  if (!isLadingError(error) && error instanceof Error) causes.push(printableLines(error.stack ?? ''));
  for (
    let cause = error instanceof Error ? error.cause : undefined;
    cause !== undefined && causes.length < 10;
  ) {
    causes.push(cause instanceof Error ? `${cause.name}: ${messageOf(cause)}` : messageOf(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
