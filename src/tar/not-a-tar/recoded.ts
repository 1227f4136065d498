import type { Advice } from '../../errors.js';
import type { Recognised, Sample } from './recognised.js';

const AGAIN = {
  hint: 'This cannot be undone. Make the archive again, and let the program write the file itself (as docker save -o FILE does): the shell converted its output as text.',
  remedy: 'save',
} as const satisfies Advice;
const BINARY =
  'This cannot be undone. Copy the archive again in binary mode, and make sure that no tool on the way (FTP, Git, an editor) treats it as text.';

/** Recognises UTF-16, to which PowerShell's `>` and `Out-File` convert the output of programs. */
export function recogniseUTF16({ start }: Sample): Recognised | undefined {
  const order = orderOf(start);
  if (order === undefined) return undefined;
  const text = decodeUTF16(start, order);
  // Only the first byte of gzip is compared: its second byte is another character in each code page. The magic of tar
  // is ASCII.
  if (/ustar/.test(text.slice(0, 1024)) || text.startsWith('\x1f') || text.startsWith('(\u00b5/'))
    return { is: 'an archive that was recoded to UTF-16, as PowerShell does with >', ...AGAIN };
  return {
    is: 'a text in UTF-16, as PowerShell writes a program’s output with >',
    ...AGAIN,
  };
}

type Order = 'little' | 'big';

/** Finds the byte order by the byte order mark, or by the NULs that are half of the bytes of ASCII in UTF-16. */
function orderOf(start: Buffer): Order | undefined {
  if (start.length < 2) return undefined;
  const mark = start.readUInt16BE(0);
  if (mark === 0xfffe) return 'little';
  if (mark === 0xfeff) return 'big';
  const head = start.subarray(0, 64);
  if (isASCIIBeside(head, 0)) return 'little';
  return isASCIIBeside(head, 1) ? 'big' : undefined;
}

/** True if every second byte from `parity` on is ASCII (the first four printable), and the others are NULs. */
function isASCIIBeside(head: Buffer, parity: number): boolean {
  return (
    head.length >= 16 &&
    head.every((byte, place) =>
      place % 2 !== parity ? byte === 0 : place < 8 ? byte >= 0x20 && byte < 0x7f : byte < 0x80,
    )
  );
}

function decodeUTF16(start: Buffer, order: Order): string {
  const even = Buffer.from(start.subarray(0, Math.min(start.length & ~1, 8192)));
  return (order === 'big' ? even.swap16() : even).toString('utf16le').replace(/^\ufeff/, '');
}

/** The number of characters beyond ASCII, or of lines, that a sample needs for a reliable result. */
const ENOUGH = 8;

/**
 * Recognises bytes of an archive that a tool treated as text: it converted them to UTF-8, or changed line ends. Bytes
 * that are intact never match.
 */
export function recogniseRecoded(bytes: Buffer): Recognised | undefined {
  return recogniseUTF8(bytes) ?? recogniseLineEnds(bytes);
}

export function recogniseUTF8(bytes: Buffer): Recognised | undefined {
  return isRecodedToUTF8(bytes)
    ? { is: 'an archive that was recoded to UTF-8, as if it were text', ...AGAIN }
    : undefined;
}

function recogniseLineEnds(bytes: Buffer): Recognised | undefined {
  const { lf, crlf } = countLineEnds(bytes);
  if (crlf >= ENOUGH && lf === crlf)
    return { is: 'an archive whose line ends were changed to CR and LF, as if it were text', hint: BINARY };
  return undefined;
}

/** True for binary data that is valid UTF-8: compressed data and numbers never are over so many characters. */
function isRecodedToUTF8(bytes: Buffer): boolean {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(trimmed(bytes), { stream: true });
  } catch {
    return false; // it is not UTF-8
  }
  const [...beyond] = text.matchAll(/[^\0-\x7f]/g);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: only binary content has them
  return beyond.length >= ENOUGH && /[\x00-\x08\x0e-\x1a]/.test(text);
}

/** Removes the rest of a character at the beginning, which a sample from the middle of a file may have. */
function trimmed(bytes: Buffer): Buffer {
  const start = bytes.subarray(0, 4).findIndex((byte) => byte >> 6 !== 0b10);
  return start > 0 ? bytes.subarray(start) : bytes;
}

function countLineEnds(bytes: Buffer): { lf: number; crlf: number } {
  const counts = { lf: 0, crlf: 0 };
  for (let place = bytes.indexOf(0x0a); place >= 0; place = bytes.indexOf(0x0a, place + 1)) {
    counts.lf++;
    if (bytes[place - 1] === 0x0d) counts.crlf++;
  }
  return counts;
}
