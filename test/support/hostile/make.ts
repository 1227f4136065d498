import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeGroups, GROUPS } from './groups.js';

const INDEX = fileURLToPath(new URL('../../../fixtures/hostile/README.md', import.meta.url));

/** Writes every attack into a folder of its own under `directory`, or without one their index. */
async function make(directory: string | undefined): Promise<void> {
  if (directory === undefined) return writeFile(INDEX, describeGroups());
  for (const { title, attacks } of GROUPS) {
    for (const attack of attacks) {
      // One more folder: some attacks put a file beside themselves.
      const folder = join(directory, title.replaceAll(' ', '-'), attack.name, 'in');
      await mkdir(folder, { recursive: true });
      await attack.place(folder);
    }
  }
}

await make(process.argv[2]);
