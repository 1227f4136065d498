import {
  formatPlatform,
  type PlannedRequests,
  type PlanSaveOptions,
  planSave,
  type SavePlan,
} from '../index.js';
import { exitCodeOf } from './exit-codes.js';
import { failuresOf, resultWithFailures } from './failures.js';
import { formatBytes, formatTable, plural } from './format.js';
import type { GlobalArguments } from './options.js';
import type { Output } from './output.js';
import { withProgress } from './progress.js';

/** Shows what a save would do, and returns the exit code that it would have before its first byte. */
export async function showPlan(
  options: PlanSaveOptions,
  { flags, output, code: done }: { flags: GlobalArguments; output: Output; code: number },
): Promise<number> {
  const plan = await withProgress(flags, output, ({ onEvent }) => planSave({ ...options, onEvent }));
  const { problems, ...shown } = plan;
  const described = { ...shown, problems: problems.map((problem) => output.describe(problem)) };
  const text = (): string => describePlan(plan);
  const code = resultWithFailures(output, described, { code: done, text, isJSON: flags.json });
  const [problem] = problems;
  if (problem === undefined || plan.failures.length > 0) return code;
  if (!flags.json) for (const each of problems) output.error(each);
  return exitCodeOf(problem);
}

function describePlan(plan: SavePlan): string {
  const { images, registries } = plan;
  const rows = images.map(({ name, platforms, digest, size }) => [
    name,
    platforms.map(formatPlatform).join(', ') || '-',
    digest,
    formatBytes(size),
  ]);
  const lines = registries.map((asked) => `${describeRequests(asked)}\n`);
  return `${formatTable(rows)}${lines.join('')}${failuresOf(plan)}${plural(images.length, 'image')}: ${describeBytes(plan).join(', ')}\n`;
}

function describeBytes({ blobs, bytes, output, size, space }: SavePlan): string[] {
  return [
    formatBytes(bytes.total),
    `${formatBytes(bytes.missing)} to fetch`,
    ...(blobs.present > 0 ? [`${plural(blobs.present, 'blob')} already there`] : []),
    ...(size === undefined
      ? []
      : [`${output ?? 'the archive'} ${KINDS[size.kind]} ${formatBytes(size.bytes)}`]),
    ...(space === undefined ? [] : [`${formatBytes(space.free)} free`]),
  ];
}

const KINDS = { exact: 'has', about: 'has about', atLeast: 'has more than' };

function describeRequests({
  registry,
  manifests,
  blobs,
  bytes,
  allowance,
  waitSeconds,
}: PlannedRequests): string {
  const parts = [
    plural(manifests.get, 'manifest'),
    ...(manifests.head > 0 ? [plural(manifests.head, 'HEAD request')] : []),
    `${plural(blobs, 'blob')} (${formatBytes(bytes)})`,
  ];
  const asked = `${registry}: ${parts.join(', ')}`;
  if (allowance?.remaining === undefined) return asked;
  const { limit, remaining, windowSeconds } = allowance;
  const window = windowSeconds === undefined ? '' : ` in ${hours(windowSeconds)}`;
  const left = `${asked}; ${remaining}${limit === undefined ? '' : ` of ${limit}`} pulls left${window}`;
  if (waitSeconds === undefined)
    return manifests.get > remaining ? `${left}: too few; log in for more` : left;
  return waitSeconds === 0
    ? left
    : `${left}: log in for more, or wait up to ${hours(waitSeconds)} on the way`;
}

function hours(seconds: number): string {
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Number((seconds / 3600).toFixed(1))} h`;
}
