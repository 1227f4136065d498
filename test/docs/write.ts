import { listPages, writePage } from './pages.js';

/** Writes the made blocks of README.md and docs/ anew, or those of the pages that are named: `npm run docs [-- PAGE…]`. */
const named = process.argv.slice(2);
for (const page of named.length > 0 ? named : await listPages()) {
  await writePage(page, { withRuns: true });
  console.log(page);
}
