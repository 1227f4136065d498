/** The licenses of what the executables contain: most of them require that every copy comes with their text. */
import { readFile } from 'node:fs/promises';
import { nodeLicense } from './node-release.mjs';

const ROOT = new URL('../../', import.meta.url);

/** Returns the texts by the names that they have in packages, where `copyright` is lading's own. */
export async function licenses() {
  return new Map([
    ['copyright', await readFile(new URL('LICENSE', ROOT), 'utf8')],
    ['NODE-LICENSE.txt', await nodeLicense()],
    ['THIRD-PARTY-NOTICES.txt', await readFile(new URL('dist/THIRD-PARTY-NOTICES.txt', ROOT), 'utf8')],
  ]);
}

/** Returns all of them as one text, for an executable that is on its own. */
export async function licensesText() {
  const about = 'The executable contains lading, packages of npm, and Node.js with its own parts.\n';
  const [own, node, packages] = (await licenses()).values();
  return [about, own, packages, node].join(`\n${'='.repeat(80)}\n\n`);
}
