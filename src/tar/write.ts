import { BLOCK_SIZE, paddingAfter } from './header.js';

export { paddingAfter };

export interface TarHeaderFields {
  /** Clean and relative; a directory may end in `/`. */
  path: string;
  size: number;
  /** Default 0644, 0755 for a directory, 0777 for a symlink. */
  mode?: number | undefined;
  type?: 'file' | 'directory' | 'symlink' | undefined;
  /** Of a symlink. */
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
export async function tarHeader({
  path,
  size,
  mode,
  type = 'file',
  linkTarget,
}: TarHeaderFields): Promise<Buffer> {
  if (path === '' || !Number.isSafeInteger(size) || size < 0) {
    throw new Error(`no tar entry can have the name "${path}" and the size ${size}`);
  }
  // Loaded when something is written: commands that only read do not need it.
  const { default: tarStream } = await import('tar-stream');
  // A packer for each header: one packer takes the next header only after the body, which we write ourselves, often
  // later and elsewhere in the file. It costs 50 µs a header.
  const packer = tarStream.pack();
  const entry = packer.entry({
    name: type === 'directory' && !path.endsWith('/') ? `${path}/` : path,
    size,
    mode: mode ?? DEFAULT_MODES[type],
    mtime: EPOCH,
    type,
    ...(linkTarget !== undefined && { linkname: linkTarget }),
  });
  // An entry fails when its packer ends before the body has come, as happens here on purpose.
  entry.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    packer.once('error', reject);
    packer.once('readable', () => {
      const blocks: Uint8Array[] = [];
      for (let block = packer.read(); block !== null; block = packer.read()) {
        blocks.push(block as Uint8Array); // its types say unknown
      }
      packer.destroy();
      resolve(Buffer.concat(blocks));
    });
  });
}
