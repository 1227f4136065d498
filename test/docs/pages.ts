import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, rewrite } from './blocks.js';
import { figuresTable } from './figures.js';
import { flagsTable } from './flags.js';
import { openSession } from './session.js';
import { openSite } from './site.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = join(ROOT, 'docs');

/** Returns the paths of the pages that have made blocks, from the root of the repository. */
export async function listPages(): Promise<string[]> {
  const names = (await readdir(DOCS)).filter((name) => name.endsWith('.md')).sort();
  const pages = ['README.md', ...names.map((name) => `docs/${name}`)];
  const isMade = await Promise.all(
    pages.map(async (page) => /^<!-- (run|flags|figures|file)\b/m.test(await readPage(page))),
  );
  return pages.filter((_, place) => isMade[place]);
}

export function readPage(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

/** Returns a page with its made blocks written anew. Commands are run only `withRuns`; without, their blocks stay. */
export async function pageNow(path: string, { withRuns }: { withRuns: boolean }): Promise<string> {
  const page = await readPage(path);
  if (!withRuns) return rewrite(page, makeWithoutRuns);
  if (!/^<!-- run\b/m.test(page)) return rewrite(page, makeWithoutRuns);
  const site = await openSite();
  const session = openSession(site);
  try {
    return await rewrite(page, async (block) => {
      if (block.kind !== 'run') return makeWithoutRuns(block);
      for (const command of block.setup) await session.run(command);
      const lines: string[] = [];
      for (const command of block.commands)
        lines.push(...`$ ${command}`.split('\n'), ...(await session.run(command)));
      return lines;
    });
  } finally {
    await session.close();
    await site.close();
  }
}

async function makeWithoutRuns(block: Block): Promise<string[]> {
  switch (block.kind) {
    case 'flags':
      return flagsTable(block.of);
    case 'figures':
      return figuresTable(block.rows);
    case 'file':
      return (await readFile(join(DOCS, block.name), 'utf8')).trimEnd().split('\n');
    case 'run':
      return block.content;
  }
}
