/**
 * Writes a package for Debian and what descends from it: the executable, man pages, completions, licenses, and a
 * systemd unit as an example. (deb(5), and the Debian policy on what a package contains)
 * Usage: node src/packaging/debian-package.mjs [ARCHITECTURE…], after the executables were made. Writes
 * release/lading_VERSION_ARCHITECTURE.deb
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { debianFiles } from './debian-files.mjs';
import { ARCHITECTURES, OTHER_NAME } from './node-release.mjs';
import { readReference } from './reference.mjs';
import { tarOf } from './tar.mjs';

/** What Node.js' own builds are linked with. libgcc-s1 has this name since Debian 11; the versions are those of Debian 10. */
const DEPENDS = 'libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8)';

/** That of all files in packages of npm: Debian's tools take a file of 1970 for a mistake. */
const TIME = new Date('1985-10-26T08:15:00Z');
/** Of a line of a description. */
const WIDTH = 79;

/** Returns the file name and the bytes of the package. `files` has the content of text files by their paths. */
export async function debianPackage(architecture, executable, files, { version, description, homepage }) {
  const all = new Map([
    ['usr/bin/lading', { bytes: await readFile(executable), mode: 0o755 }],
    ...[...files].map(([path, text]) => [path, contentOf(path, text)]),
  ]);
  const size = [...all.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  const name = OTHER_NAME[architecture];
  const control = [
    'Package: lading',
    `Version: ${version}`,
    `Architecture: ${name}`,
    'Section: admin',
    'Priority: optional',
    'Maintainer: The lading project <security@lading-project.invalid>',
    `Installed-Size: ${Math.ceil(size / 1024)}`,
    `Depends: ${DEPENDS}`,
    `Homepage: ${homepage}`,
    `Description: ${description.split(':')[0]}`,
    ...wrapped(description),
    '',
  ].join('\n');
  const sums = [...all]
    .map(([path, { bytes }]) => `${createHash('md5').update(bytes).digest('hex')}  ${path}\n`)
    .join('');
  const members = [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', await tarGzip(new Map([file('control', control), file('md5sums', sums)]))],
    ['data.tar.gz', await tarGzip(all)],
  ];
  return {
    name: `lading_${version}_${name}.deb`,
    bytes: Buffer.concat([Buffer.from('!<arch>\n'), ...members.flatMap(member)]),
  };
}

/** Man pages are compressed in packages. */
function contentOf(path, text) {
  const bytes = Buffer.from(text);
  return { bytes: path.endsWith('.gz') ? gzipSync(bytes, { level: 9 }) : bytes, mode: 0o644 };
}

/** Text in lines of a description, which begin with a space. */
function wrapped(text) {
  const line = new RegExp(`(.{1,${WIDTH - 1}})(?: |$)`, 'g');
  return [...text.matchAll(line)].map(([, words]) => ` ${words}`);
}

function file(path, text) {
  return [path, { bytes: Buffer.from(text), mode: 0o644 }];
}

/** A member of an archive of ar(5), without time and owner. */
function member([name, bytes]) {
  const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`;
  return [Buffer.from(header), bytes, ...(bytes.length % 2 === 1 ? [Buffer.from('\n')] : [])];
}

async function tarGzip(files) {
  return gzipSync(await tarOf(files, { prefix: './', time: TIME }), { level: 6 }); // 9 takes three times as long for 0.6 %
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const files = await debianFiles(await readReference());
  const wanted = process.argv.slice(2);
  for (const architecture of wanted.length > 0 ? wanted : ARCHITECTURES) {
    const executable = join(root, 'release', `lading-linux-${architecture}`);
    const { name, bytes } = await debianPackage(architecture, executable, files, manifest);
    const path = join(root, 'release', name);
    await writeFile(path, bytes);
    console.log(`${path}: ${(bytes.length / 1e6).toFixed(0)} MB`);
  }
}
