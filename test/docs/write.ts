import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listPages, pageNow, ROOT } from './pages.js';

/** Writes the made blocks of README.md and docs/ anew, or those of the pages that are named: `npm run docs [-- PAGE…]`. */
const named = process.argv.slice(2);
for (const page of named.length > 0 ? named : await listPages()) {
  await writeFile(join(ROOT, page), await pageNow(page, { withRuns: true }));
  console.log(page);
}
