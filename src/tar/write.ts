import { BLOCK_SIZE, paddingAfter } from './header.js';
import { codec, type HeaderFields } from './tar-stream-headers.js';

export { paddingAfter };

export interface TarHeaderFields {
  /** Clean and relative; a directory may end in `/`. */
  path: string;
  size: number;
  /** Default 0644, 0755 for a directory, 0777 for a symlink. */
  mode?: number | undefined;
  type?: 'file' | 'directory' | 'symlink' | undefined;
  /** Of a symlink: at most 100 bytes. */
  linkTarget?: string | undefined;
}

/** What a tar ends with. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_SIZE);

const EPOCH = new Date(0);
const DEFAULT_MODES = { file: 0o644, directory: 0o755, symlink: 0o777 };

/**
 * The block or blocks before an entry's body: one, or more when the name needs a pax header. The same fields
 * give the same bytes: no time, no owner. Sizes past 8 GiB are written in base-256, which GNU tar and Go read.
 */
export function tarHeader({ path, size, mode, type = 'file', linkTarget }: TarHeaderFields): Buffer {
  if (path === '' || !Number.isSafeInteger(size) || size < 0) {
    throw new Error(`no tar entry can have the name "${path}" and the size ${size}`);
  }
  const fields: HeaderFields = {
    name: type === 'directory' && !path.endsWith('/') ? `${path}/` : path,
    size,
    mode: mode ?? DEFAULT_MODES[type],
    uid: 0,
    gid: 0,
    mtime: EPOCH,
    type,
    ...(linkTarget !== undefined && { linkname: linkTarget }),
  };
  return codec.encode(fields) ?? withPaxName(fields);
}

/** A name that ustar's 100 + 155 bytes of ASCII cannot hold goes into a pax header before the entry's own. */
function withPaxName(fields: HeaderFields): Buffer {
  const records = codec.encodePax({ name: fields.name });
  const paxHeader = encode({ ...fields, name: 'PaxHeader', type: 'pax-header', size: records.length });
  const padding = Buffer.alloc(paddingAfter(records.length));
  // Readers without pax see a file of this name; a directory's slash keeps it one for them.
  const name = fields.type === 'directory' ? 'PaxHeader/' : 'PaxHeader';
  return Buffer.concat([paxHeader, records, padding, encode({ ...fields, name })]);
}

function encode(fields: HeaderFields): Buffer {
  const block = codec.encode(fields);
  if (block === null) throw new Error(`tar-stream cannot encode the name "${fields.name}"`);
  return block;
}
