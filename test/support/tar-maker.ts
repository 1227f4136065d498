/** One entry as its raw header fields; everything may lie. */
export interface RawEntry {
  name: string;
  body?: Buffer | string;
  type?: string;
  linkName?: string;
  /** The size field as text, where it is not that of the body. */
  size?: string | Buffer;
  /** `ustar` (default), `gnu`, or none, as before 1988. */
  magic?: 'ustar' | 'gnu' | 'none';
  /** Changes the header block after all fields are in, before the checksum. */
  alter?: (block: Buffer) => void;
  /** Blocks between header and body (GNU sparse maps). */
  between?: Buffer;
}

const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', none: '' };

/** A tar of exactly these headers and bodies, with its end marker. */
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

/** A pax header (`x`, or `g` for a global one) of these records. */
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
