import type { Writable } from 'node:stream';
import { LadingError, systemFailure } from '../index.js';
import { EXIT } from './exit-codes.js';

/** Standard output and standard error; if they fail, the command ends. */
export interface StandardStreams {
  /** Aborted when a result or a message can no longer be written. */
  readonly signal: AbortSignal;
  /** From now on ignores failures of standard error, so that a server does not end because nobody reads its log. */
  ignoreStderr(): void;
  /** Returns the exit code and message if a stream has failed, else undefined. */
  failure(): { exitCode: number; message: string | undefined } | undefined;
}

type Stream = Pick<Writable, 'on' | 'errored'>;

/**
 * Watches both streams. If the reader has gone, as with `| head`, the command ends silently with the exit code of a
 * program that SIGPIPE ends (Node.js ignores that signal). Other failures of standard output, such as a full disk, are
 * errors. If standard error cannot take a message, the message is lost, and nothing else happens.
 */
export function watchStandardStreams(stdout: Stream, stderr: Stream): StandardStreams {
  const controller = new AbortController();
  let ignoresStderr = false;
  let first: Error | undefined;
  const meaning = (stream: Stream, error: Error | null | undefined): Error | undefined => {
    if (!error) return undefined;
    return stream === stdout || (!ignoresStderr && isBrokenPipe(error)) ? error : undefined;
  };
  for (const stream of [stdout, stderr])
    stream.on('error', (error: Error) => {
      first ??= meaning(stream, error);
      if (first !== undefined) controller.abort(first);
    });
  // The process may exit before a pending error is emitted; a standard stream forgets it afterwards.
  const failed = (): Error | undefined =>
    first ?? meaning(stdout, stdout.errored) ?? meaning(stderr, stderr.errored);
  return {
    signal: controller.signal,
    ignoreStderr() {
      ignoresStderr = true;
    },
    failure() {
      const error = failed();
      if (error === undefined) return undefined;
      if (isBrokenPipe(error)) return { exitCode: EXIT.brokenPipe, message: undefined };
      const { message } = systemFailure(error, 'standard output') ?? new LadingError('IO', error.message);
      return { exitCode: EXIT.failed, message: `lading: ${message}\n` };
    },
  };
}

/** Sets the exit code and prints the message of a failed stream whenever the process exits. */
export function exitAs(streams: StandardStreams): void {
  process.on('exit', () => {
    const failure = streams.failure();
    if (failure === undefined) return;
    process.exitCode = failure.exitCode;
    if (failure.message !== undefined) process.stderr.write(failure.message);
  });
}

function isBrokenPipe(error: Error): boolean {
  return 'code' in error && error.code === 'EPIPE';
}
