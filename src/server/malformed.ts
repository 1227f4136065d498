import { STATUS_CODES } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemCode } from '../errors.js';
import { errorBody, Refusal } from './errors.js';
import { peerOf } from './operational/connections.js';

interface Fault {
  status: number;
  message: string;
}

/**
 * Answers what is not an HTTP request: Node.js gives no response object for it, so the specification's error
 * is written by hand, and the connection ends.
 */
export function refuseMalformed(error: Error, socket: Duplex): void {
  refuseByHand(faultOf(error), socket);
}

/**
 * Tells a client that speaks http to a server of https so, instead of hanging up on it. By the time that TLS has
 * failed only the connection below it can still be written to.
 */
export function refusePlainHTTP(server: Server): void {
  const open = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    open.set(peer, socket);
    socket.once('close', () => {
      if (open.get(peer) === socket) open.delete(peer);
    });
  });
  server.on('tlsClientError', (error: Error, secured: Socket) => {
    if (systemCode(error) !== 'ERR_SSL_HTTP_REQUEST') return;
    const socket = open.get(peerOf(secured));
    if (socket?.writable)
      refuseByHand({ status: 400, message: 'this port speaks https, and this was http' }, socket);
  });
}

function refuseByHand({ status, message }: Fault, socket: Duplex): void {
  const body = JSON.stringify(errorBody(new Refusal('UNSUPPORTED', message, { status })));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'X-Content-Type-Options: nosniff',
      '',
      body,
    ].join('\r\n'),
  );
}

function faultOf(error: Error): Fault {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: 'the header is too large' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'the request took too long to arrive' };
    default:
      return { status: 400, message: 'this is not an HTTP request' };
  }
}
