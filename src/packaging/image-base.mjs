/**
 * The files below the executable in lading's own image: what Node.js needs of Debian 12, and the few files that name
 * users and order. They are listed as packages where scanners of images look (var/lib/dpkg/status.d, as in distroless
 * images), so that flaws of the libraries are found.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { fetchPackages, NoDebian } from './debian-mirror.mjs';

/** gcc-12-base has the license of the compiler's libraries; base-files the name of the system and the texts of licenses. */
const PACKAGES = ['base-files', 'libc6', 'gcc-12-base', 'libgcc-s1', 'libstdc++6'];
/** Shared libraries, but no modules of iconv or profilers, which are in folders below; licenses; the system's name. */
const TAKEN = [
  /^lib64\/[^/]+$/,
  /^(usr\/)?lib\/([^/]+\/)?[^/]+\.so(\.[0-9.]+)?$/,
  /^usr\/share\/doc\/[^/]+(\/copyright)?$/,
  /^usr\/share\/common-licenses\//,
  /^(usr\/lib|etc)\/os-release$/,
  /^etc\/debian_version$/,
];

/** The user that the image runs as: the number that distroless images have, too. */
export const USER = 65532;
export const HOME = '/home/lading';
/** Where the image works: a folder of the host is mounted here. */
export const WORK = '/work';

const OWN = new Map([
  [
    'etc/passwd',
    text(`root:x:0:0:root:/root:/sbin/nologin\nlading:x:${USER}:${USER}:lading:${HOME}:/sbin/nologin\n`),
  ],
  ['etc/group', text(`root:x:0:\nlading:x:${USER}:\n`)],
  ['etc/nsswitch.conf', text('passwd: files\ngroup: files\nhosts: files dns\n')],
  [HOME.slice(1), { mode: 0o755, owner: USER }],
  ['root', { mode: 0o700 }],
  // Any user may be asked for with --user, and writes to these two.
  ['tmp', { mode: 0o1777 }],
  [WORK.slice(1), { mode: 0o1777 }],
]);

/**
 * Returns the files of the base by their paths, for an architecture by Debian's name for it, and the packages that they
 * come from. Rejects with `NoDebian` where Debian's packages cannot be had.
 */
export async function baseFiles(architecture) {
  const folder = await mkdtemp(join(tmpdir(), 'lading-image-'));
  try {
    const files = new Map(OWN);
    const packages = [];
    for (const path of await fetchPackages(folder, architecture, PACKAGES)) {
      const [name, version] = ['Package', 'Version'].map((field) =>
        dpkgDeb('--field', path, field).toString().trim(),
      );
      packages.push({ name, version });
      files.set(`var/lib/dpkg/status.d/${name}`, text(dpkgDeb('--field', path)));
      for await (const [taken, file] of filesOf(dpkgDeb('--fsys-tarfile', path))) files.set(taken, file);
    }
    return { files: new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))), packages };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function* filesOf(tar) {
  const entries = extract();
  Readable.from([tar]).pipe(entries);
  for await (const entry of entries) {
    const { name, type, mode, linkname } = entry.header;
    const path = name.replace(/^\.\//, '');
    const chunks = [];
    for await (const chunk of entry) chunks.push(chunk);
    if (type === 'directory' || !TAKEN.some((pattern) => pattern.test(path))) continue;
    if (type === 'symlink') yield [path, { target: linkname }];
    else if (type === 'file') yield [path, { bytes: Buffer.concat(chunks), mode }];
    else throw new Error(`${path} is neither a file nor a symbolic link`);
  }
}

function dpkgDeb(...args) {
  try {
    return execFileSync('dpkg-deb', args, { maxBuffer: 2 ** 28 });
  } catch (error) {
    if (error.code === 'ENOENT') throw new NoDebian('this machine has no dpkg-deb');
    throw error;
  }
}

function text(content) {
  return { bytes: Buffer.from(content), mode: 0o644 };
}
