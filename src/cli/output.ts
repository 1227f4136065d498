import type { Writable } from 'node:stream';
import {
  type ErrorCode,
  isLadingError,
  LadingError,
  messageOf,
  printable,
  type Remedy,
  systemFailure,
} from '../index.js';
import { colourFor } from './colours.js';
import { formatJSON } from './format.js';
import { type Advised, type CommandFlags, hintOf, warningOf } from './hints.js';

/** Writes results to standard output, and everything else to standard error. */
export interface Output {
  /** Columns of the terminal that shows the result; undefined where it is none, or one that does not know (0 columns). */
  readonly width: number | undefined;
  /** Writes the result, with `--json` as one JSON document. */
  result(json: unknown, text: () => string): void;
  /** Writes a document as it is; only a terminal gets it with control characters escaped, and a line end. */
  bytes(document: Buffer): void;
  /** Returns standard output for an archive; the result then goes to standard error. Throws `USAGE` for a terminal. */
  reserveStdout(): Writable;
  message(text: string): void;
  /**
   * Gives messages, warnings and errors to `write` from now on, which writes each above the progress; with undefined, they
   * are written to standard error again.
   */
  writeMessagesTo(write: ((text: string) => void) | undefined): void;
  /** Writes a line of JSON, for `--progress json`. */
  event(document: object): void;
  /** Writes a warning, unless `--quiet` is given. */
  warning(text: string, advised?: Advised): void;
  /** Writes an error and its hint. `about` is the image that it concerns, for errors that do not name it. */
  error(error: unknown, about?: string): void;
  /** Returns the code, message, hint and remedy of any thrown value, for documents. */
  describe(error: unknown): DescribedError;
}

export interface DescribedError {
  code: ErrorCode | 'INTERNAL';
  message: string;
  /** The hint with the flags of the command that failed. */
  hint: string | undefined;
  /** The library's word for the remedy, which programs can compare. */
  remedy: Remedy | undefined;
}

export interface OutputOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  /** Whether standard error has only JSON, one document per line, because its reader parses every line. */
  jsonLines?: boolean | undefined;
  /** The flags of the command, which hints may name; default: none. */
  flags?: CommandFlags | undefined;
  stdout: Writable;
  stderr: Writable & { isTTY?: boolean | undefined };
}

export function createOutput(options: OutputOptions): Output {
  const { json, quiet, verbose, jsonLines = false, flags = {}, stdout, stderr } = options;
  let resultStream = stdout;
  const event = (document: object): void => {
    stderr.write(`${formatJSON(document)}\n`);
  };
  const toStderr = (text: string): void => {
    stderr.write(`${text}\n`);
  };
  let write = toStderr;
  const colour = colourFor(stderr);
  const message = (text: string): void => {
    if (jsonLines) event({ type: 'message', message: text });
    else write(text);
  };
  return {
    width: ('columns' in stdout && typeof stdout.columns === 'number' && stdout.columns) || undefined,
    result(document, text) {
      if (jsonLines && resultStream === stderr) return event({ type: 'result', result: document });
      const shown = json ? `${formatJSON(document, 2)}\n` : text();
      if (shown !== '') resultStream.write(shown);
    },
    bytes(document) {
      const isTerminal = 'isTTY' in stdout && stdout.isTTY === true;
      stdout.write(isTerminal ? `${printableLines(document.toString())}\n` : document);
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
    writeMessagesTo(given = toStderr) {
      write = given;
    },
    event,
    warning(text, advised = {}) {
      if (quiet) return;
      const { remedy } = advised;
      if (jsonLines) event({ type: 'warning', message: text, hint: hintOf(advised, flags), remedy });
      else message(`${colour('warning:', 'warning')} ${printable(warningOf(text, advised, flags))}`);
    },
    error(error, about) {
      const described = describeError(error, flags);
      const { hint } = described;
      const named = about === undefined || described.message.includes(about) ? '' : `${printable(about)}: `;
      if (json) {
        resultStream.write(`${formatJSON({ error: described })}\n`);
        return;
      }
      if (jsonLines) {
        const causes = verbose ? { causes: causesOf(error) } : {};
        return event({ type: 'error', error: { ...described, ...causes } });
      }
      message(`${colour('lading:', 'error')} ${named}${described.message}`);
      if (hint !== undefined) message(`hint: ${hint}`);
      if (verbose) for (const cause of causesOf(error)) message(`cause: ${cause}`);
    },
    describe: (error) => describeError(error, flags),
  };
}

/** Returns the code, message, hint and remedy to show to the user of a command with these flags. */
export function describeError(error: unknown, flags: CommandFlags = {}): DescribedError {
  const known = isLadingError(error) ? error : systemFailure(error);
  if (known !== undefined) {
    const { code, message, remedy } = known;
    return { code, message, hint: hintOf(known, flags), remedy };
  }
  return {
    code: 'INTERNAL',
    message: messageOf(error),
    hint: 'This should not happen: run the command again with --verbose, and report what it says.',
    remedy: undefined,
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
