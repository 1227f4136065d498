import { BLOCK_SIZE, paddingAfter } from './header.js';

export { paddingAfter };

export interface TarHeaderFields {
  /** A clean, relative path; that of a directory may end in `/`. */
  path: string;
  size: number;
  /** Default 0644, 0755 for a directory, 0777 for a symlink. */
  mode?: number | undefined;
  type?: 'file' | 'directory' | 'symlink' | undefined;
  /** The target of a symlink. */
  linkTarget?: string | undefined;
}

/** The two blocks of zeros at the end of a tar. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_SIZE);

const EPOCH = new Date(0);
const DEFAULT_MODES = { file: 0o644, directory: 0o755, symlink: 0o777 };

/**
 * Returns the header of an entry: one block, or more if the name needs a pax header. It contains no time and no owner,
 * so the same fields give the same bytes. Sizes above 8 GiB are written in base-256, which GNU tar and Go can read.
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
  // Loaded on demand: commands that only read do not need it.
  const { default: tarStream } = await import('tar-stream');
  // Each header needs a packer of its own, which takes 50 µs: a packer accepts the next header only after the body, but
  // callers write bodies themselves, often later and elsewhere in the file.
  const packer = tarStream.pack();
  const entry = packer.entry({
    name: type === 'directory' && !path.endsWith('/') ? `${path}/` : path,
    size,
    mode: mode ?? DEFAULT_MODES[type],
    mtime: EPOCH,
    type,
    ...(linkTarget !== undefined && { linkname: linkTarget }),
  });
  // The entry fails because its packer is destroyed before the body was written.
  entry.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    packer.once('error', reject);
    packer.once('readable', () => {
      const blocks: Uint8Array[] = [];
      for (let block = packer.read(); block !== null; block = packer.read()) {
        blocks.push(block as Uint8Array); // typed as unknown
      }
      packer.destroy();
      resolve(Buffer.concat(blocks));
    });
  });
}
