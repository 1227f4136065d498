import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import symbols from 'undici/lib/core/symbols.js';

/** The parser of responses that undici keeps at a socket. */
interface Parser {
  /** The reader of the body is slower than the connection. */
  paused: boolean;
  resume(): void;
  /** The functions of llhttp, for the parser at `ptr`. */
  llhttp: { llhttp_resume(parser: unknown): void };
  ptr: unknown;
}

/**
 * Lets a server close a connection while the body of its last response waits to be read. undici 7 ends the whole program
 * then, by an assertion that its parser is not paused; no newer version runs on Node.js 20. What is resumed here has been
 * received already, so nothing more is held in memory. (nodejs/undici#5360)
 */
export function mendEndsWhilePaused(): void {
  subscribe('undici:client:connected', (message) => {
    const { socket } = message as { socket: Socket }; // docs/api/DiagnosticsChannel.md of undici
    socket.prependListener('end', () => {
      const parser: Parser | null | undefined = Reflect.get(socket, symbols.kParser);
      if (!parser?.paused) return;
      parser.resume(); // takes in the end of a body whose length is known
      if (!parser.paused || socket.destroyed) return;
      // The end of the connection is that of the body, as `finish` tells it next, or else an error.
      parser.llhttp.llhttp_resume(parser.ptr);
      parser.paused = false;
    });
  });
}
