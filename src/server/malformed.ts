import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemCode } from '../errors.js';
import { errorBody, Refusal } from './errors.js';

/**
 * Answers what is not an HTTP request: Node.js gives no response object for it, so the specification's error
 * is written by hand, and the connection ends.
 */
export function refuseMalformed(error: Error, socket: Duplex): void {
  const { status, message } = faultOf(error);
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

function faultOf(error: Error): { status: number; message: string } {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: 'the header is too large' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'the request took too long to arrive' };
    default:
      return { status: 400, message: 'this is not an HTTP request' };
  }
}
