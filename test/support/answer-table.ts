import type { IncomingMessage } from 'node:http';
import type { Refusal, UploadRegistryOptions } from './upload-registry.js';

/** An answer in place of the registry's own; undefined leaves it to that. */
export type TableAnswer = Refusal | 'reset' | undefined;

/**
 * What makes a registry odd, as a table of `METHOD /path` → answer. The first row that fits a request and has an answer
 * for it counts; what no row answers is left to the registry.
 */
export function answering(
  ...rows: [asked: RegExp, answer: TableAnswer | ((request: IncomingMessage) => TableAnswer)][]
): NonNullable<UploadRegistryOptions['refuse']> {
  return (request) => {
    for (const [asked, answer] of rows) {
      if (!asked.test(`${request.method} ${request.url}`)) continue;
      const given = typeof answer === 'function' ? answer(request) : answer;
      if (given !== undefined) return given;
    }
    return undefined;
  };
}

/** A refusal as registries write it. */
export function refusal(status: number, code = 'UNKNOWN', message = code.toLowerCase()): Refusal {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [{ code, message }] }),
  };
}

/** Whether a request brings bytes. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
