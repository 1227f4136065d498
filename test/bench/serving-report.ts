import { mebibytes, peakLine, tableOf } from './format.js';
import { formatGoal, type GoalReport } from './goals.js';
import { median } from './measure.js';
import type { ServingMeasurement, ServingResult, ServingRow } from './serving.js';
import { CLIENTS } from './wrk.js';

export interface ServingReport {
  seconds: number;
  runs: number;
  rows: ServingRowReport[];
}

interface ServingRowReport {
  name: string;
  work: string;
  of: ServingRow['of'];
  servers: ServerReport[];
  /** The slowest lading over the fastest peer; undefined where there is none. */
  ratio: number | undefined;
  goal: GoalReport;
}

interface ServerReport {
  name: string;
  isLading: boolean;
  /** Requests or bytes a second. */
  rate: number;
  /** Of its processor time, while it served one second. */
  load: number;
  peakBytes: number;
  runs: ServingMeasurement[];
}

/** What the contests of registries found. */
export function createServingReport(
  results: readonly ServingResult[],
  facts: Pick<ServingReport, 'seconds' | 'runs'>,
): ServingReport {
  return { ...facts, rows: results.map(reportRow) };
}

function reportRow({ row, servers }: ServingResult): ServingRowReport {
  const reports = servers.map(({ name, isLading, runs }) => ({
    name,
    isLading,
    rate: median(runs.map((run) => run[row.of] / run.seconds)),
    load: median(runs.map(({ processorSeconds, seconds }) => processorSeconds / seconds)),
    peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
    runs,
  }));
  const rates = (isLading: boolean) =>
    reports.filter((report) => report.isLading === isLading).map(({ rate }) => rate);
  const ratio = rates(false).length === 0 ? undefined : Math.min(...rates(true)) / Math.max(...rates(false));
  const { name, work, of, goal } = row;
  return {
    ...{ name, work, of, servers: reports, ratio },
    goal: {
      text: `≥ ${goal.atLeast.toPrecision(2)} ×`,
      ...(ratio !== undefined && { isMet: ratio >= goal.atLeast }),
    },
  };
}

/** The report as Markdown, to stand below the table of work. */
export function formatServing({ seconds, runs, rows }: ServingReport): string[] {
  const servers = rows.flatMap((row) => row.servers);
  return [
    `${CLIENTS} clients (wrk) for ${seconds} s, medians of ${runs} runs: what they get / load in processors / peak memory.`,
    peakLine(servers.filter(({ isLading }) => isLading).map(({ peakBytes }) => peakBytes)),
    '',
    ...tableOf(
      ['served', ...new Set(servers.map(({ name }) => name)), 'ratio of the slower lading', 'goal'],
      rows.map(({ work, of, servers: cells, ratio, goal }) => [
        work,
        ...cells.map((server) => serverCell(server, of)),
        ratio === undefined ? '–' : `${ratio.toFixed(2)} ×`,
        formatGoal(goal),
      ]),
    ),
  ];
}

function serverCell({ rate, load, peakBytes }: ServerReport, of: ServingRow['of']): string {
  const throughput = of === 'bytes' ? `${(rate / 1e6).toFixed(0)} MB/s` : `${rate.toFixed(0)} /s`;
  return `${throughput} / ${load.toFixed(2)} / ${mebibytes(peakBytes)}`;
}
