import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { formatReport, type Report } from './report.js';

/** The figures that the README shows: those of the last whole run. */
const RESULTS = fileURLToPath(new URL('./results.json', import.meta.url));
const README = fileURLToPath(new URL('../../README.md', import.meta.url));

const BEGIN =
  '<!-- The figures below are made from test/bench/results.json by npm run bench -- --readme. -->';
const END = '<!-- End of the figures. -->';

export async function readResults(): Promise<Report> {
  return JSON.parse(await readFile(RESULTS, 'utf8')) as Report; // written by `writeResults`
}

/** Keeps a report as the last whole run. */
export async function writeResults(report: Report): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(report, rounded, 2)}\n`);
}

/** Puts the figures of the last whole run into the README. */
export async function updateReadme(): Promise<void> {
  await writeFile(README, withFigures(await readReadme(), await readResults()));
}

export async function readReadme(): Promise<string> {
  return readFile(README, 'utf8');
}

/** Returns the README with these figures between the two comments that mark their place. */
export function withFigures(readme: string, report: Report): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the README has no place for figures:\n${BEGIN}\n${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${formatReport(report)}\n\n${readme.slice(end)}`;
}

/** More digits than five are noise. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}
