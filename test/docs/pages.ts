import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, type RunBlock, rewrite, type WriteBlock } from './blocks.js';
import { figuresTable } from './figures.js';
import { commandsTable, exitCodesTable, flagsTable } from './help-tables.js';
import { openSession, type Session } from './session.js';
import { openSite, type Site } from './site.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = join(ROOT, 'docs');

/** Returns the paths of the pages that have made blocks, from the root of the repository. */
export async function listPages(): Promise<string[]> {
  const names = (await readdir(DOCS)).filter((name) => name.endsWith('.md')).sort();
  const pages = ['README.md', ...names.map((name) => `docs/${name}`)];
  const isMade = await Promise.all(
    pages.map(async (page) =>
      /^<!-- (run|flags|commands|exit codes|figures|file|write)\b/m.test(await readPage(page)),
    ),
  );
  return pages.filter((_, place) => isMade[place]);
}

export function readPage(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

/** Returns a page with its made blocks written anew. Commands are run only `withRuns`; without, their blocks stay. */
export async function pageNow(path: string, { withRuns }: { withRuns: boolean }): Promise<string> {
  const page = await readPage(path);
  if (!withRuns || !/^<!-- run\b/m.test(page)) return rewrite(page, makeWithoutRuns);
  const site = await openSite();
  const session = openSession(site);
  try {
    return await rewrite(page, async (block) => {
      if (block.kind === 'run') return runBlock(block, session);
      if (block.kind === 'write') await writeForCommands(block, site);
      return makeWithoutRuns(block);
    });
  } finally {
    await session.close().finally(() => site.close());
  }
}

/** Writes a page with its made blocks anew. */
export async function writePage(path: string, options: { withRuns: boolean }): Promise<void> {
  await writeFile(join(ROOT, path), await pageNow(path, options));
}

async function writeForCommands({ path, content }: WriteBlock, site: Site): Promise<void> {
  const file = path.startsWith('~/') ? join(site.home, path.slice(2)) : join(site.folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${content.join('\n')}\n`);
}

/** Runs the commands of a block. One that fails where the page does not show its exit code is an error. */
async function runBlock({ setup, commands }: RunBlock, session: Session): Promise<string[]> {
  for (const command of setup) {
    const { lines, code } = await session.run(command);
    if (code !== 0) throw new Error(`${command}: exit ${code}\n${lines.join('\n')}`);
  }
  const written: string[] = [];
  for (const [place, command] of commands.entries()) {
    const { lines, code } = await session.run(command);
    if (code !== 0 && commands[place + 1] !== 'echo $?')
      throw new Error(`${command}: exit ${code}, and no echo $? follows\n${lines.join('\n')}`);
    written.push(...`$ ${command}`.split('\n'), ...lines);
  }
  return written;
}

async function makeWithoutRuns(block: Block): Promise<string[]> {
  switch (block.kind) {
    case 'commands':
      return commandsTable();
    case 'exit codes':
      return exitCodesTable();
    case 'flags':
      return flagsTable(block.of);
    case 'figures':
      return figuresTable(block.rows);
    case 'file':
      return (await readFile(join(DOCS, block.name), 'utf8')).trimEnd().split('\n');
    case 'run':
    case 'write':
      return block.content;
  }
}
