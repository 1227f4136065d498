import type { Writable } from 'node:stream';
import { LadingError, systemFailure } from '../index.js';
import { EXIT } from './exit-codes.js';

/** Standard output and standard error, whose failures end the command. */
export interface StandardStreams {
  /** Aborted when a result or a message cannot be written any more. */
  readonly signal: AbortSignal;
  /** Standard error may fail from now on: a server does not end because nobody reads its log. */
  ignoreStderr(): void;
  /** What the process ends with when a stream has failed, and the line that says why; undefined when none has. */
  failure(): { exitCode: number; message: string | undefined } | undefined;
}

type Stream = Pick<Writable, 'on' | 'errored'>;

/**
 * Watches both streams. When the reader has gone away, as in `| head`, the command ends without a word, with the exit
 * code that a shell shows of a program that SIGPIPE ends (Node.js ignores that signal). Other failures of standard
 * output, a full disk for one, are an error. A message that standard error does not take is lost, and nothing else.
 */
export function watchStandardStreams(stdout: Stream, stderr: Stream): StandardStreams {
  const controller = new AbortController();
  let ignoresStderr = false;
  let told: Error | undefined;
  const meaning = (stream: Stream, error: Error | null | undefined): Error | undefined => {
    if (!error) return undefined;
    return stream === stdout || (!ignoresStderr && isBrokenPipe(error)) ? error : undefined;
  };
  for (const stream of [stdout, stderr])
    stream.on('error', (error: Error) => {
      told ??= meaning(stream, error);
      if (told !== undefined) controller.abort(told);
    });
  // The process may end before an error that has come is emitted; a standard stream forgets it afterwards.
  const failed = (): Error | undefined =>
    told ?? meaning(stdout, stdout.errored) ?? meaning(stderr, stderr.errored);
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

/** Makes the process end with the streams' exit code and message, however it ends. */
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
