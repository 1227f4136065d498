import type { Advice } from '../../errors.js';
import type { Recognised, Sample } from './recognised.js';

const AGAIN = {
  hint: 'What was lost does not come back: make the archive again, and have the program write the file itself (as docker save -o FILE does) rather than a shell that takes its output for text.',
  remedy: 'save',
} as const satisfies Advice;
const BINARY =
  'What was lost does not come back: copy the archive again in binary mode, and make sure that no tool on the way (FTP, Git, an editor) takes it for text.';

/** Files that are UTF-16, as PowerShell's `>` and `Out-File` make them of whatever a program writes. */
export function recogniseUTF16({ start }: Sample): Recognised | undefined {
  const order = orderOf(start);
  if (order === undefined) return undefined;
  const text = decodeUTF16(start, order);
  // Each code page has another character for what follows the first byte of gzip; a tar has its mark in ASCII.
  if (/ustar/.test(text.slice(0, 1024)) || text.startsWith('\x1f') || text.startsWith('(\u00b5/'))
    return { is: 'an archive that was recoded to UTF-16, as PowerShell does with >', ...AGAIN };
  return {
    is: 'a text in UTF-16, as PowerShell makes of a program’s output with >',
    ...AGAIN,
  };
}

type Order = 'little' | 'big';

/** By its byte order mark, or by the NULs that half the bytes of ASCII have in UTF-16. */
function orderOf(start: Buffer): Order | undefined {
  if (start.length < 2) return undefined;
  const mark = start.readUInt16BE(0);
  if (mark === 0xfffe) return 'little';
  if (mark === 0xfeff) return 'big';
  const head = start.subarray(0, 64);
  if (isASCIIBeside(head, 0)) return 'little';
  return isASCIIBeside(head, 1) ? 'big' : undefined;
}

/** Whether every second byte, from `parity` on, is of ASCII, beginning with some text, and the others are NULs. */
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

/** Characters beyond ASCII by which a sample is known to be UTF-8, and lines by which their ends are known. */
const ENOUGH = 8;

/**
 * What was done to bytes that were an archive, where that shows: they were read as characters and written as UTF-8, or
 * the ends of lines were changed. Bytes that nobody took for text are neither.
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

/** Compressed content and numbers are never UTF-8 by chance over so many characters. */
function isRecodedToUTF8(bytes: Buffer): boolean {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(trimmed(bytes), { stream: true });
  } catch {
    return false; // it is not UTF-8
  }
  const [...beyond] = text.matchAll(/[^\0-\x7f]/g);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell binary content from text
  return beyond.length >= ENOUGH && /[\x00-\x08\x0e-\x1a]/.test(text);
}

/** A sample from the middle may begin within a character. */
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
