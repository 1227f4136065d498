import type { IncomingMessage } from 'node:http';
import type { Refusal, UploadRegistryOptions } from './upload-registry.js';

/** An answer that replaces the registry's; undefined lets the registry answer. */
export type TableAnswer = Refusal | 'reset' | undefined;

/**
 * Makes a registry odd by a table of answers: the first row whose pattern matches `METHOD /path`, and that has an
 * answer, is used. If there is none, the registry answers.
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

/** Returns a refusal in the format of registries. */
export function refusal(status: number, code = 'UNKNOWN', message = code.toLowerCase()): Refusal {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [{ code, message }] }),
  };
}

/** True if a request has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
