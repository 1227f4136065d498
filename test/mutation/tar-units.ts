/** One file of a tar with all that belongs to it: extended headers, header, body, padding. */
export interface TarUnit {
  /** As readers name it, `./` left away. */
  path: string;
  start: number;
  /** Of the main header. */
  header: number;
  body: number;
  size: number;
  end: number;
}

const BLOCK = 512;

/** The units of a right tar. It shares no code with what it tests. (POSIX.1, pax, "ustar Interchange Format") */
export function unitsOf(tar: Buffer): TarUnit[] {
  const units: TarUnit[] = [];
  let start: number | undefined;
  let longPath: string | undefined;
  for (let header = 0; header + BLOCK <= tar.length && tar[header] !== 0; ) {
    const size = parseInt(textAt(tar, header + 124, 12), 8);
    const type = String.fromCharCode(tar[header + 156] ?? 0);
    const body = header + BLOCK;
    const end = body + Math.ceil(size / BLOCK) * BLOCK;
    start ??= header;
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      const text = tar.toString('utf8', body, body + size);
      if (type === 'L') longPath = text.replace(/\0.*$/, '');
      if (type === 'x') longPath = /(?:^|\n)\d+ path=(.*)\n/.exec(text)?.[1] ?? longPath;
    } else {
      const prefix = textAt(tar, header + 345, 155);
      const name = textAt(tar, header, 100);
      const path = longPath ?? (prefix === '' || !isUstar(tar, header) ? name : `${prefix}/${name}`);
      units.push({ path: path.replace(/^(\.?\/)+/, ''), start, header, body, size, end });
      start = undefined;
      longPath = undefined;
    }
    header = end;
  }
  return units;
}

/** Writes the checksum that a changed header must have to be taken at all. */
export function sign(tar: Buffer, header: number): void {
  const block = tar.subarray(header, header + BLOCK);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function isUstar(tar: Buffer, header: number): boolean {
  return tar.toString('latin1', header + 257, header + 263) === 'ustar\0';
}

function textAt(tar: Buffer, start: number, length: number): string {
  return tar.toString('utf8', start, start + length).replace(/\0.*$/s, '');
}
