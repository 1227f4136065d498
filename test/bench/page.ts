import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { formatReport, type Report } from './report.js';

/** The figures that docs/performance.md shows: those of the last whole run. */
const RESULTS = fileURLToPath(new URL('./results.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));

const BEGIN = '<!-- The figures below are made from test/bench/results.json by npm run bench -- --page. -->';
const END = '<!-- End of the figures. -->';

export async function readResults(): Promise<Report> {
  return JSON.parse(await readFile(RESULTS, 'utf8')) as Report; // written by `writeResults`
}

/** Keeps a report as the last whole run. */
export async function writeResults(report: Report): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(report, rounded, 2)}\n`);
}

/** Puts the figures of the last whole run into that page. */
export async function updatePage(): Promise<void> {
  await writeFile(PAGE, withFigures(await readPage(), await readResults()));
}

export async function readPage(): Promise<string> {
  return readFile(PAGE, 'utf8');
}

/** Returns the page with these figures between the two comments that mark their place. */
export function withFigures(page: string, report: Report): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md has no place for figures:\n${BEGIN}\n${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${formatReport(report)}\n\n${page.slice(end)}`;
}

/** More digits than five are noise. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}
