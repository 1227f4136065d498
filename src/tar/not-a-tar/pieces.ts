import { detectCompression, MAGIC_LENGTH } from '../../content/compression.js';
import { BLOCK_SIZE, decodeHeader, HeaderProblem } from '../header.js';
import { nameOf, type Recognised, type Sample } from './recognised.js';

/** The offset of the magic in a tar header. */
const USTAR_OFFSET = 257;

/** Recognises a part of an archive, and an archive with text in front of it. */
export function recognisePiece(sample: Sample): Recognised | undefined {
  const position = headerIn(sample.start);
  const isNamedSo = isPieceName(nameOf(sample));
  if (position !== undefined && !isNamedSo && isTextual(sample.start.subarray(0, position)))
    return inFront(sample, position, 'a tar');
  const compressed = isNamedSo ? undefined : compressedBehindText(sample.start);
  if (compressed !== undefined)
    return inFront(sample, compressed.position, `an archive in ${compressed.format}`);
  if (position !== undefined)
    return {
      is: isNamedSo
        ? 'a piece of an archive, but not the first one'
        : 'the rest of a tar, whose beginning is missing',
      hint: JOIN,
    };
  return isNamedSo
    ? { is: 'a piece of an archive by its name, and not the first one', hint: JOIN }
    : undefined;
}

const JOIN = 'Join all the pieces, in their order: cat PIECE-1 PIECE-2 … > images.tar';

function inFront({ path }: Sample, position: number, what: string): Recognised {
  return {
    is: `${what} with ${position} bytes of text in front of it`,
    hint: `A program wrote a message or a header there. To remove it: tail -c +${position + 1} ${path} > images.tar`,
  };
}

/** Returns the hint for an archive whose end is missing. */
export function hintForCut(sample: Pick<Sample, 'path'>): string {
  const name = nameOf(sample);
  if (/\.(?:crdownload|partial|download|opdownload|filepart|part|tmp|aria2)$/i.test(name))
    return 'By its name this is an unfinished download, copy or save: let it finish, or run it again.';
  if (isPieceName(name)) return `By its name this is one of several pieces. ${JOIN}`;
  return 'The end of the file is missing. Copy or download it again, and compare its size and checksum with the original; if it was split into pieces, join them first.';
}

/** True for the names that split, 7z, curl and people give to the pieces of a file. */
function isPieceName(name: string): boolean {
  return (
    /\.part[-_.]?(?:\d{1,4}|[a-z]{1,3})$/i.test(name) ||
    /\.(?:tar|tgz|gz|zst|zstd)[-_.]?(?:\d{1,4}|[a-z]{2,3})$/i.test(withoutExtension(name)) ||
    /^x[a-z]{2}$/.test(name)
  );
}

/** Removes an extension that a complete file may have after `.tar`. */
function withoutExtension(name: string): string {
  return name.replace(
    /[-_.](?:gz|xz|br|bz|bz2|zst|lz4|lz|lzo|zip|sig|asc|md5|pem|age|gpg|enc|bak|old|tmp|txt|png)$/i,
    '',
  );
}

/** Returns the position of the first valid tar header that is not at the beginning. */
function headerIn(start: Buffer): number | undefined {
  for (let mark = start.indexOf('ustar'); mark >= 0; mark = start.indexOf('ustar', mark + 1)) {
    const position = mark - USTAR_OFFSET;
    if (position > 0 && isHeader(start.subarray(position, position + BLOCK_SIZE))) return position;
  }
  return undefined;
}

function isHeader(block: Buffer): boolean {
  if (block.length < BLOCK_SIZE) return false;
  try {
    return decodeHeader(block) !== undefined;
  } catch (error) {
    if (error instanceof HeaderProblem) return false;
    throw error;
  }
}

/** Finds a compressed archive after lines of text, as `curl -i` and programs with messages write them. */
function compressedBehindText(start: Buffer): { position: number; format: string } | undefined {
  for (let end = start.indexOf('\n'); end >= 0 && end < 4096; end = start.indexOf('\n', end + 1)) {
    const format = detectCompression(start.subarray(end + 1, end + 1 + MAGIC_LENGTH));
    if (format !== 'none' && isTextual(start.subarray(0, end))) return { position: end + 1, format };
  }
  return undefined;
}

function isTextual(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}
