import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';

/**
 * Gives up connections on which nothing has moved for `idleMs` while it is the client's turn: nothing is asked,
 * the rest of a body does not come, or an answer is not read. A client that waits for us waits as long as we take.
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

/** All that there is of the body has come, or what has come was not read yet; and no answer waits to be taken. */
export function isOurTurn(request: IncomingMessage, socket: Socket): boolean {
  return (request.complete || request.readableLength > 0) && socket.writableLength === 0;
}
