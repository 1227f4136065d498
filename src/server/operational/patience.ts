import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';

/**
 * Closes connections on which no byte was transferred for `idleMs` while the server waits for the client: for a
 * request, for the rest of a body, or for the client to read the answer. A client that waits for the server is never
 * cut.
 */
export function endIdleConnections(
  server: Server & { setTimeout(ms: number): void },
  { idleMs, requestOn }: { idleMs: number; requestOn: (socket: Socket) => IncomingMessage | undefined },
): void {
  server.setTimeout(idleMs);
  server.on('timeout', (socket: Socket) => {
    const request = requestOn(socket);
    if (request !== undefined && isOurTurn(request, socket)) socket.setTimeout(idleMs);
    else socket.destroy();
  });
}

/**
 * Whether the client waits for us: its body has arrived, or a part of it has not been read yet, and all output is sent.
 */
export function isOurTurn(request: IncomingMessage, socket: Socket): boolean {
  return (request.complete || request.readableLength > 0) && socket.writableLength === 0;
}
