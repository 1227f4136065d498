import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { describeGroups, GROUPS } from './groups.js';

const INDEX = fixturePath('hostile/README.md');

/** Writes every attack into a folder of its own in `directory`; without a directory, writes the list of attacks. */
async function make(directory: string | undefined): Promise<void> {
  if (directory === undefined) return writeFile(INDEX, describeGroups());
  for (const { title, attacks } of GROUPS) {
    for (const attack of attacks) {
      // In one more folder, because some attacks write a file next to themselves.
      const folder = join(directory, title.replaceAll(' ', '-'), attack.name, 'in');
      await mkdir(folder, { recursive: true });
      await attack.place(folder);
    }
  }
}

await make(process.argv[2]);
