import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Verifier } from '../content/verify.js';

/** A response before it is written. `respond` sends it; for HEAD without the body. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** If undefined, there is no Content-Length either, as for a 304. */
  body?: Buffer | ContentBody;
}

/** A body that is read while it is sent. */
export interface ContentBody {
  /** Size in bytes. If the source has more or fewer, the connection is cut. */
  size: number;
  /**
   * Opens the content. Called only if the body is needed, and before the head is sent, so that a rejection still
   * becomes an error response.
   */
  open(): Promise<Readable>;
  /** Whether the source may continue after `size` bytes: a range that ends before the content does. */
  endsEarly: boolean;
  /** Gets all bytes before the last of them are sent; if it throws, the connection is cut. */
  verifier?: Verifier | undefined;
}

/** The parts of a request that the handlers need. */
export interface Asked {
  method: string;
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  /** The client to whose share the request counts. */
  client: string;
  /** Aborts when the client disconnects. */
  signal: AbortSignal;
  /** Closes the connection. */
  cut(): void;
  /** Starts reading the request's body; sends 100 Continue if the client waits for it. */
  body(): AsyncIterable<Buffer>;
}

/** Returns an answer with an empty body. */
export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: Buffer.alloc(0) };
}

/** Returns an answer with a JSON document. */
export function jsonAnswer(
  value: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}
