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
 * Answers a malformed HTTP request with the specification's error and closes the connection. It is written by hand
 * because Node.js provides no response object.
 */
export function refuseMalformed(error: Error, socket: Duplex): void {
  refuseByHand(faultOf(error), socket);
}

/**
 * Answers a client that sends http to an https server, instead of just hanging up. When TLS has failed, only the
 * underlying connection can be written to.
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
      refuseByHand({ status: 400, message: 'this port expects https but received http' }, socket);
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
