import { isUtf8 } from 'node:buffer';

/** Returns the text of a file as UTF-8 without a byte order mark; a reason if it is no text. */
export function asUTF8(bytes: Buffer): { utf8: Buffer; note?: string } | { problem: string } {
  const [first, second, third, fourth] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return checked(bytes.subarray(3));
  if (first === 0xff && second === 0xfe && third === 0 && fourth === 0)
    return { problem: 'it is UTF-32, which is not read' };
  if (first === 0 && second === 0 && third === 0xfe && fourth === 0xff)
    return { problem: 'it is UTF-32, which is not read' };
  if (first === 0xff && second === 0xfe) return { utf8: decoded(bytes, 'utf-16le') };
  if (first === 0xfe && second === 0xff) return { utf8: decoded(bytes, 'utf-16be') };
  // ASCII in UTF-16 has a zero in every second byte.
  if (bytes.length > 3 && second === 0 && fourth === 0 && first !== 0)
    return { utf8: decoded(bytes, 'utf-16le') };
  if (bytes.length > 3 && first === 0 && third === 0 && second !== 0)
    return { utf8: decoded(bytes, 'utf-16be') };
  return checked(bytes);
}

function decoded(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be'): Buffer {
  return Buffer.from(new TextDecoder(encoding).decode(bytes));
}

/** How much of a file is looked at to see that it is no text. */
const LOOKED_AT = 64 * 1024;

function checked(bytes: Buffer): ReturnType<typeof asUTF8> {
  if (bytes.subarray(0, LOOKED_AT).includes(0)) return { problem: 'it is binary' };
  if (isUtf8(bytes)) return { utf8: bytes };
  // Names of images are ASCII, which all of them share.
  return { utf8: Buffer.from(bytes.toString('latin1')), note: 'it is not UTF-8; read as Latin-1' };
}
