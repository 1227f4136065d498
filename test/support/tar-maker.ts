/** The raw header fields of an entry; all of them may be wrong. */
export interface RawEntry {
  name: string;
  body?: Buffer | string;
  type?: string;
  linkName?: string;
  /** The text of the size field, if it should not be the size of the body. */
  size?: string | Buffer;
  /** `ustar` (default), `gnu`, or `none` as before 1988. */
  magic?: 'ustar' | 'gnu' | 'none';
  /** Changes the header block after all fields are written, before the checksum is. */
  alter?: (block: Buffer) => void;
  /** Blocks between the header and the body (GNU sparse maps). */
  between?: Buffer;
}

const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', none: '' };

/** Makes a tar of exactly these headers and bodies, with an end marker. */
export function makeTar(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

export function rawEntry(entry: RawEntry): Buffer {
  const body = Buffer.from(entry.body ?? '');
  const block = Buffer.alloc(512);
  block.write(entry.name, 0, 100);
  block.write('0000644\x000000000\x000000000\x00', 100, 'latin1');
  const size = entry.size ?? `${body.length.toString(8).padStart(11, '0')}\0`;
  Buffer.from(size).copy(block, 124, 0, 12);
  block.write('00000000000\0', 136, 'latin1');
  block.write(entry.type ?? '0', 156, 'latin1');
  block.write(entry.linkName ?? '', 157, 100);
  block.write(MAGIC[entry.magic ?? 'ustar'], 257, 'latin1');
  entry.alter?.(block);
  sign(block);
  return Buffer.concat([block, entry.between ?? Buffer.alloc(0), body, Buffer.alloc(-body.length & 511)]);
}

/** Makes a pax header (`x`, or `g` for a global one) with these records. */
export function paxEntry(records: Record<string, string>, type: 'x' | 'g' = 'x'): RawEntry {
  const body = Object.entries(records)
    .map(([key, value]) => paxRecord(key, value))
    .join('');
  return { name: 'PaxHeader', type, body };
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function sign(block: Buffer): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
