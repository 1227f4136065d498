import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path/posix';

export const LICENSE_FILE = /^(licen[cs]e|copying|notice)/i;

/**
 * Returns the licenses of the packages in a bundle, and of those in the folders `more`: most of them require that copies
 * include the license.
 */
export async function noticesOf(metafile, more = []) {
  const folders = new Set([...packagesIn(metafile), ...more]);
  const notices = ['The program, or the executable of it, contains code of these packages.\n'];
  for (const folder of [...folders].sort()) notices.push(await noticeOf(folder));
  return notices.join(`\n${'-'.repeat(80)}\n\n`);
}

/** Throws if a package that is in a bundle is missing in such a text. */
export async function requireNotices(notices, metafile) {
  for (const folder of packagesIn(metafile)) {
    const title = await titleOf(folder);
    if (!notices.split('\n').includes(title)) throw new Error(`the notices lack ${title}`);
  }
}

function packagesIn(metafile) {
  const folders = new Set();
  for (const { inputs } of Object.values(metafile.outputs))
    for (const [path, { bytesInOutput }] of Object.entries(inputs))
      if (path.startsWith('node_modules/') && bytesInOutput > 0) folders.add(packageOf(path));
  return folders;
}

async function titleOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  return `${name} ${version} (${license})`;
}

async function noticeOf(folder) {
  const { author, main } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const files = (await readdir(folder)).filter((file) => LICENSE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(`${folder}/${file}`, 'utf8')));
  // xz-decompress has no text of its license: all that it says is in a comment at the start of its program.
  if (texts.length === 0) {
    const [, comment] = /^[^/]*\/\*([\s\S]*?)\*\//.exec(await readFile(`${folder}/${main}`, 'utf8')) ?? [];
    if (comment === undefined) throw new Error(`${folder} has no license`);
    texts.push(`by ${author}\n${comment.replace(/^!?[ *]*/gm, '')}\n`);
  }
  return [`${await titleOf(folder)}\n`, ...texts].join('\n');
}

/**
 * Returns the folder of the package. Folders in it may have a package.json, too, which only sets the type of modules.
 */
function packageOf(path) {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (/node_modules\/(@[^/]+\/)?[^/]+$/.test(folder) && existsSync(`${folder}/package.json`)) return folder;
  }
  throw new Error(`${path} belongs to no package`);
}
