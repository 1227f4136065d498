import { tableOf } from '../bench/format.js';
import { readResults } from '../bench/page.js';
import type { ResultReport } from '../bench/report.js';

/** Returns a table of some rows of the last whole run of the benchmark, with wall times alone. */
export async function figuresTable(names: readonly string[]): Promise<string[]> {
  const { rows } = await readResults();
  const cells = names.map((name) => {
    const row = rows.find((one) => one.name === name);
    if (row === undefined) throw new Error(`the benchmark has no row ${name}`);
    const { work, results, fastestPeer } = row;
    const [ours, peers] = ['lading', fastestPeer].map((tool) =>
      results.find((result) => result.tool === tool),
    );
    return [
      work,
      seconds(ours),
      peers === undefined
        ? '–'
        : `${seconds(peers)} (${[peers.tool, peers.note].filter((part) => part !== undefined).join(': ')})`,
    ];
  });
  return ['', ...tableOf(['work', 'lading', 'the fastest other tool'], cells), ''];
}

function seconds(result: ResultReport | undefined): string {
  if (result === undefined) throw new Error('a row without a figure of lading');
  const { wallSeconds } = result.median;
  return `${wallSeconds.toFixed(wallSeconds < 10 ? 2 : 1)} s`;
}
