/** The forms that the name of an archive promises by its last extension. */
export type PromisedForm = 'tar' | 'gzip' | 'zstd' | 'other';

const EXTENSIONS: Readonly<Record<string, PromisedForm>> = {
  tar: 'tar',
  gz: 'gzip',
  tgz: 'gzip',
  taz: 'gzip',
  zst: 'zstd',
  zstd: 'zstd',
  tzst: 'zstd',
  ...Object.fromEntries(
    '7z,br,bz2,lz,lz4,lzma,lzo,rar,tb2,tbz,tbz2,tlz,txz,tz2,xz,z,zip'
      .split(',')
      .map((name) => [name, 'other']),
  ),
};

/**
 * Returns what the name of a file promises by its extension, in any case: a plain tar, one that is compressed, or a
 * form that lading does not write. Undefined for all other names.
 */
export function promisedForm(path: string): PromisedForm | undefined {
  const [, extension = ''] = /\.([^./\\]+)$/.exec(path) ?? [];
  const name = extension.toLowerCase();
  return Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name] : undefined;
}
