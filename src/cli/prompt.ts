import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { LadingError } from '../index.js';

/** The streams of a terminal. */
export interface Terminal {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
}

/** Asks for a line; a secret is not echoed. Rejects with `ABORTED`, or with `USAGE` at the end of the input. */
export function ask(
  question: string,
  { input, output }: Terminal,
  { secret = false, signal }: { secret?: boolean; signal?: AbortSignal } = {},
): Promise<string> {
  const shown = new Writable({
    write(chunk, _encoding, done) {
      if (!secret) output.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input, output: shown, terminal: true, historySize: 0 });
  output.write(question);
  return new Promise<string>((resolve, reject) => {
    const interrupted = () => reject(new LadingError('ABORTED', 'interrupted'));
    lines.once('line', resolve).once('SIGINT', interrupted);
    lines.once('close', () => reject(new LadingError('USAGE', 'the input ended before there was an answer')));
    signal?.addEventListener('abort', interrupted, { once: true });
  }).finally(() => {
    lines.close();
    if (secret) output.write('\n');
  });
}

/** Reads a password from standard input, without the line end that programs write after it. */
export async function readPassword(input: Readable): Promise<string> {
  return (await text(input)).replace(/\r?\n$/, '');
}
