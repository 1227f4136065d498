import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AccessEntry, accessEntry } from './access-log.js';
import { answerFrom, type Repositories } from './endpoints.js';
import { Refusal, refusalOf } from './errors.js';
import { type RespondOptions, refusalAnswer, respond } from './respond.js';
import { parseRoute } from './router.js';

export interface ExchangeOptions extends Repositories {
  /** Told of every request when its answer is over, the cut ones included. */
  onRequest?: (entry: AccessEntry) => void;
}

/** Resolves when the answer is over, in whichever way; only a hook that throws makes it reject. */
export async function answerRequest(
  options: ExchangeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', headers } = request;
  const { remoteAddress } = request.socket;
  const startedMs = performance.now();
  const gone = new AbortController();
  let bytes = 0;
  let failure: unknown;
  const over = new Promise<void>((resolve) => response.once('close', resolve));
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  response.on('error', (error) => {
    failure ??= error;
  });

  const send: RespondOptions = {
    headOnly: method === 'HEAD',
    signal: gone.signal,
    onBytes: (count) => {
      bytes += count;
    },
  };
  try {
    const { endpoint, query } = parseRoute(method, request.url ?? '');
    const asked = { method, headers, query, signal: gone.signal };
    await respond(response, await answerFrom(options, endpoint, asked), send);
  } catch (error) {
    if (!(error instanceof Refusal)) failure = error;
    if (response.headersSent) response.destroy();
    else await respond(response, refusalAnswer(refusalOf(error)), send);
  }
  await over;
  options.onRequest?.(accessEntry(request, response, { bytes, startedMs, remoteAddress, error: failure }));
}
