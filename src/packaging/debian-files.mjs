/** The text files of a package for Debian: man pages, completions, documents, and an example of a systemd unit. */
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { completions } from './completions.mjs';
import { licenses } from './licenses.mjs';
import { manPages } from './man.mjs';

const ROOT = new URL('../../', import.meta.url);
const SHARED = 'usr/share';
const DOCUMENTS = `${SHARED}/doc/lading`;

/** Returns the files by their paths in the package. Man pages and completions are made from what the program says about itself. */
export async function debianFiles(reference) {
  return new Map([
    ...[...manPages(reference)].map(([name, text]) => [`${SHARED}/man/man1/${name}.gz`, text]),
    ...[...completions(reference)].map(([path, text]) => [`${SHARED}/${path}`, text]),
    ...[...(await licenses())].map(([name, text]) => [`${DOCUMENTS}/${name}`, text]),
    [`${DOCUMENTS}/changelog.gz`, await textOf('CHANGELOG.md')],
    [`${DOCUMENTS}/README.md`, await textOf('README.md')],
    [`${DOCUMENTS}/SECURITY.md`, await textOf('SECURITY.md')],
    ...(await pages()).map(([name, text]) => [`${DOCUMENTS}/docs/${name}`, text]),
    [`${DOCUMENTS}/examples/lading.service`, serviceExample()],
  ]);
}

/** The pages of docs/, which README.md leads to. */
async function pages() {
  const names = (await readdir(new URL('docs', ROOT))).sort();
  return Promise.all(names.map(async (name) => [name, await textOf(`docs/${name}`)]));
}

/** Returns a systemd unit for `lading serve`, as the program prints it for the path of the package. */
export function serviceExample() {
  const program = fileURLToPath(new URL('dist/cli/main.js', ROOT));
  const args = ['serve', '/srv/images', '--listen', '127.0.0.1:5000', '--print-config', 'systemd', '--quiet'];
  // A clean environment: no settings of this user are in the unit.
  const env = { PATH: process.env.PATH, HOME: '/nonexistent' };
  const unit = execFileSync(process.execPath, [program, ...args], { encoding: 'utf8', env });
  return unit.replaceAll('/usr/local/bin/lading', '/usr/bin/lading');
}

function textOf(path) {
  return readFile(new URL(path, ROOT), 'utf8');
}
