import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { collectGarbage } from '../support/collect-garbage.js';

/** What a process that does nothing right now holds. */
export interface Sample {
  rssMB: number;
  heapMB: number;
  descriptors: number;
  temporaryFiles: number;
  cacheFiles: number;
  locks: number;
}

export interface Verdict {
  measure: keyof Sample;
  /** Medians of the first and the last third. */
  first: number;
  last: number;
  allowed: number;
  ok: boolean;
}

/** How much the last third may be above the first: allocators and caches fill up at first. */
const TOLERANCES: Record<keyof Sample, { share: number; more: number }> = {
  rssMB: { share: 0.25, more: 40 },
  heapMB: { share: 0.25, more: 10 },
  descriptors: { share: 0, more: 4 },
  temporaryFiles: { share: 0, more: 0 },
  cacheFiles: { share: 0, more: 1 },
  locks: { share: 0, more: 0 },
};

export async function takeSample(places: {
  temporary: string;
  cache: string;
  work: string;
}): Promise<Sample> {
  collectGarbage();
  collectGarbage(); // what the first one's finalizers let go
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rssMB: rss / 1e6,
    heapMB: heapUsed / 1e6,
    descriptors: await openDescriptors(),
    temporaryFiles: (await namesUnder(places.temporary)).length,
    cacheFiles: (await namesUnder(places.cache)).length,
    locks: (await namesUnder(places.work)).filter((name) => /\.lock(?:$|[./])|\.tmp$|\.lading-/.test(name))
      .length,
  };
}

/** Medians of ten parts of the run, one after the other. */
export function overTime(samples: readonly Sample[]): (Sample & { part: string })[] {
  const begin = (part: number): number => Math.floor((samples.length * part) / PARTS);
  return Array.from({ length: PARTS }, (_, part) => {
    const some = samples.slice(begin(part), begin(part + 1));
    const of = (measure: keyof Sample): number => round(median(some.map((sample) => sample[measure])));
    return {
      ...{ part: `${part + 1} of ${PARTS}`, rssMB: of('rssMB'), heapMB: of('heapMB') },
      ...{ descriptors: of('descriptors'), temporaryFiles: of('temporaryFiles') },
      ...{ cacheFiles: of('cacheFiles'), locks: of('locks') },
    };
  });
}

const PARTS = 10;

/** Compares the end with the beginning. */
export function judge(samples: readonly Sample[]): Verdict[] {
  const third = Math.max(1, Math.floor(samples.length / 3));
  const [early, late] = [samples.slice(0, third), samples.slice(-third)];
  // The keys are those of the type: it is a record over them.
  return (Object.keys(TOLERANCES) as (keyof Sample)[]).map((measure) => {
    const { share, more } = TOLERANCES[measure];
    const first = median(early.map((sample) => sample[measure]));
    const last = median(late.map((sample) => sample[measure]));
    const allowed = first * (1 + share) + more;
    return { measure, first: round(first), last: round(last), allowed: round(allowed), ok: last <= allowed };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Twice: what finalizers let go of is collected by the second. */
/** 0 where the system does not tell. */
async function openDescriptors(): Promise<number> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : 0;
}

async function namesUnder(folder: string): Promise<string[]> {
  const items = await readdir(folder, { recursive: true, withFileTypes: true });
  return items.map((item) => join(item.parentPath, item.name));
}
