import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path/posix';

const LICENSE_FILE = /^(licen[cs]e|copying|notice)/i;

/** Writes the licenses of the packages in a bundle: most of them require that copies include the license. */
export async function writeNotices(metafile, output) {
  const folders = new Set();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      if (path.startsWith('node_modules/') && bytesInOutput > 0) folders.add(packageOf(path));
    }
  }
  const notices = ['The program contains code of these packages.\n'];
  for (const folder of [...folders].sort()) notices.push(await noticeOf(folder));
  await writeFile(output, notices.join(`\n${'-'.repeat(80)}\n\n`));
}

async function noticeOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const files = (await readdir(folder)).filter((file) => LICENSE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(`${folder}/${file}`, 'utf8')));
  return [`${name} ${version} (${license})\n`, ...texts].join('\n');
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
