import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { RowResult } from './contest.js';
import { mebibytes, peakLine, tableOf } from './format.js';
import { formatGoal, type GoalReport, reportGoal } from './goals.js';
import { type Measurement, medianOf } from './measure.js';
import { formatServing, type ServingReport } from './serving-report.js';
import type { Tool, ToolName } from './tools.js';

export interface Report {
  machine: string;
  tools: Partial<Record<ToolName, string>>;
  missing: string[];
  images: string[];
  runs: number;
  rows: RowReport[];
  /** Of the rows in which registries were asked. */
  serving?: ServingReport;
}

export interface RowReport {
  name: string;
  work: string;
  results: ResultReport[];
  fastestPeer: ToolName | undefined;
  /** lading's wall time over the fastest peer's. */
  ratio: number | undefined;
  goals: GoalReport[];
}

export interface ResultReport {
  tool: ToolName;
  note: string | undefined;
  processes: number | undefined;
  median: Measurement;
  runs: Measurement[];
}

/** What a run of the benchmark found. */
export function createReport(
  results: readonly RowResult[],
  tools: ReadonlyMap<ToolName, Tool>,
  facts: Pick<Report, 'missing' | 'images' | 'runs'>,
): Report {
  return {
    machine: describeMachine(),
    tools: Object.fromEntries([...tools.values()].map(({ name, version }) => [name, version])),
    ...facts,
    rows: results.map(reportRow),
  };
}

export function describeMachine(): string {
  const [cpu] = cpus();
  return `${availableParallelism()} cores (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
}

function reportRow({ row, results }: RowResult): RowReport {
  const medians = results.map((result) => ({ ...result, median: medianOf(result.runs) }));
  const lading = medians.find(({ tool }) => tool === 'lading');
  const peers = medians.filter(({ tool }) => tool !== 'lading');
  const [fastest] = [...peers].sort((a, b) => a.median.wallSeconds - b.median.wallSeconds);
  const ours = lading?.median.wallSeconds;
  return {
    name: row.name,
    work: row.work,
    results: medians,
    fastestPeer: fastest?.tool,
    ratio: ours === undefined || fastest === undefined ? undefined : ours / fastest.median.wallSeconds,
    goals: row.goals.map((goal) => reportGoal(goal, medians)),
  };
}

/** The report as Markdown, for the terminal and docs/performance.md alike. */
export function formatReport(report: Report): string {
  const versions = Object.entries(report.tools).map(([name, version]) => `${name} ${version}`);
  const notes = report.rows.flatMap(({ name, results }) =>
    results.flatMap((result) => {
      const note = noteOf(result, report.runs);
      return note === '' ? [] : [`${name}, ${result.tool}: ${note}.`];
    }),
  );
  return [
    ...(report.rows.length === 0 ? [] : [...formatRows(report), '']),
    ...(report.serving === undefined ? [] : [...formatServing(report.serving), '']),
    `- Machine: ${report.machine}.`,
    `- Versions: ${versions.join(', ')}.${report.missing.length === 0 ? '' : ` Not here: ${report.missing.join(', ')}.`}`,
    ...report.images.map((image) => `- Image ${image}.`),
    ...notes.map((note) => `- ${note}`),
  ].join('\n');
}

function noteOf({ note, runs: { length } }: ResultReport, runs: number): string {
  // Figures from before `results.json` have no single runs.
  const fewer = length > 0 && length < runs ? (length === 1 ? 'one run' : `${length} runs`) : undefined;
  return [note, fewer].filter((part) => part !== undefined).join(', ');
}

function formatRows({ rows, runs, tools: versions }: Report): string[] {
  const tools = Object.keys(versions).filter((name) =>
    name === 'node' ? false : rows.some(({ results }) => results.some(({ tool }) => tool === name)),
  );
  return [
    `Medians of ${runs} runs after a warm-up: wall time / processor time / peak memory of the largest process.`,
    peakLine(rows.flatMap(({ results }) => peaksOfLading(results))),
    '',
    ...tableOf(
      ['work', ...tools, 'ratio', 'goals'],
      rows.map((row) => [
        row.work,
        ...tools.map((tool) => resultCell(row.results.find((result) => result.tool === tool))),
        row.ratio === undefined ? '–' : `${row.ratio.toFixed(2)} × ${row.fastestPeer}`,
        row.goals.map(formatGoal).join(', '),
      ]),
    ),
  ];
}

function peaksOfLading(results: readonly ResultReport[]): number[] {
  return results.filter(({ tool }) => tool === 'lading').map(({ median }) => median.peakBytes);
}

function resultCell(result: ResultReport | undefined): string {
  if (result === undefined) return '–';
  const { wallSeconds, processorSeconds, peakBytes } = result.median;
  return `${seconds(wallSeconds)} / ${processorSeconds.toFixed(2)} s / ${mebibytes(peakBytes)}`;
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}
