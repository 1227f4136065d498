import type { Writable } from 'node:stream';
import { type ErrorCode, isLadingError, LadingError, messageOf, printable, systemFailure } from '../index.js';
import { formatJSON } from './format.js';

/** Writes results to standard output, and everything else to standard error. */
export interface Output {
  /** Writes the result, with `--json` as one JSON document. */
  result(json: unknown, text: () => string): void;
  /** Returns standard output for an archive; the result then goes to standard error. Throws `USAGE` for a terminal. */
  reserveStdout(): Writable;
  message(text: string): void;
  /** Writes a line of JSON, for `--progress json`. */
  event(document: object): void;
  /** Writes a warning, unless `--quiet` is given. */
  warning(text: string): void;
  error(error: unknown): void;
}

export interface OutputOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  /** Whether standard error has only JSON, one document per line, because its reader parses every line. */
  jsonLines?: boolean | undefined;
  stdout: Writable;
  stderr: Writable;
}

export function createOutput(options: OutputOptions): Output {
  const { json, quiet, verbose, jsonLines = false, stdout, stderr } = options;
  let resultStream = stdout;
  const event = (document: object): void => {
    stderr.write(`${formatJSON(document)}\n`);
  };
  const message = (text: string): void => {
    if (jsonLines) event({ type: 'message', message: text });
    else stderr.write(`${text}\n`);
  };
  return {
    result(document, text) {
      if (jsonLines && resultStream === stderr) return event({ type: 'result', result: document });
      const shown = json ? `${formatJSON(document, 2)}\n` : text();
      if (shown !== '') resultStream.write(shown);
    },
    reserveStdout() {
      if ('isTTY' in stdout && stdout.isTTY === true)
        throw new LadingError('USAGE', 'an archive is binary, and standard output is a terminal', {
          hint: 'Write to a file with -o FILE, or pass it on: … -o - | docker load',
        });
      resultStream = stderr;
      return stdout;
    },
    message,
    event,
    warning(text) {
      if (quiet) return;
      if (jsonLines) event({ type: 'warning', message: text });
      else message(`warning: ${printable(text)}`);
    },
    error(error) {
      const { code, message: text, hint } = describeError(error);
      if (json) {
        resultStream.write(`${formatJSON({ error: { code, message: text, hint } })}\n`);
        return;
      }
      if (jsonLines) {
        const causes = verbose ? { causes: causesOf(error) } : {};
        return event({ type: 'error', error: { code, message: text, hint, ...causes } });
      }
      message(`lading: ${text}`);
      if (hint !== undefined) message(`hint: ${hint}`);
      if (verbose) for (const cause of causesOf(error)) message(`cause: ${cause}`);
    },
  };
}

/** Returns the code, message and hint to show for any thrown value. */
export function describeError(error: unknown): {
  code: ErrorCode | 'INTERNAL';
  message: string;
  hint: string | undefined;
} {
  const known = isLadingError(error) ? error : systemFailure(error);
  if (known !== undefined) return { code: known.code, message: known.message, hint: known.hint };
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
