import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Verifier } from '../content/verify.js';

/** A response before it is written. `respond` turns it into bytes, for HEAD without the body. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  /** Without a body there is no Content-Length either: a 304. */
  body?: Buffer | ContentBody;
}

/** A body that is read while it is sent. */
export interface ContentBody {
  /** The bytes that will be sent: exactly these many, or the connection is cut. */
  size: number;
  /** Opened only when the body is wanted, and before the head is sent: rejecting still gives an error answer. */
  open(): Promise<Readable>;
  /** Whether `open` gives more than `size` bytes by right: a range that ends before the content does. */
  endsEarly: boolean;
  /** Sees all bytes before the last of them are sent; what it throws cuts the connection. */
  verifier?: Verifier | undefined;
}

/** What the answering functions see of a request. */
export interface Asked {
  method: string;
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  /** Whose share the request counts to. */
  client: string;
  /** Aborts when the client is gone. */
  signal: AbortSignal;
  /** Ends the connection. */
  cut(): void;
  /** Begins to read the request's body: a client that waits for leave to send it is given it. */
  body(): AsyncIterable<Buffer>;
}

/** An answer that says all in its head. */
export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: Buffer.alloc(0) };
}

/** A JSON document as an answer. */
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
