import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { freeSpaceIn, requireSpace, type StatFS, sizeOf } from '../disk/disk.js';
import { isLadingError, type LadingError } from '../errors.js';
import type { CopyEvent } from '../events.js';
import type { AnsweredRequest } from '../registry/http/answered-request.js';
import { isBucket } from '../store/locator.js';
import type { OutputSize } from '../transfer/destination.js';
import { destinationName } from '../transfer/destinations.js';
import type { Plan } from '../transfer/plan.js';
import type { ResolvedPattern } from './expand-images.js';
import { runSave, type SavedImage, type SaveResult, savedImage } from './save.js';
import type { SaveOptions } from './save-options.js';

export interface PlanSaveOptions extends Omit<SaveOptions, 'output'> {
  /** The output of the save; without it, nothing is there already. */
  output?: SaveOptions['output'] | undefined;
  /** Default: `statfs` of Node.js. */
  statfs?: StatFS | undefined;
}

/** How many pulls a registry allows, as it said itself. */
export interface PullAllowance {
  limit: number | undefined;
  remaining: number | undefined;
  windowSeconds: number | undefined;
  /** What it counts by: an address, or the ID of a login. */
  source?: string | undefined;
}

/** What a registry, or a mirror, will be asked for. */
export interface PlannedRequests {
  registry: string;
  /** Requests for manifests; a registry that counts pulls counts the GETs. */
  manifests: { get: number; head: number };
  /** Requests for lists of tags and referrers. */
  lists: number;
  /** Blobs to fetch, and their bytes. */
  blobs: number;
  bytes: number;
  /** The last that the registry said of its limit; undefined if it says nothing. */
  allowance?: PullAllowance;
  /** Seconds that the limit costs; undefined if the registry does not say enough. */
  waitSeconds?: number;
}

/** What a save would do. */
export interface SavePlan {
  /** The output as the user named it; undefined if none was named. */
  output?: string;
  format: SaveResult['format'];
  images: SavedImage[];
  /** `present`: the output has them already. */
  blobs: { total: number; missing: number; present: number };
  /** Each counted once; `missing` is what the save would fetch. */
  bytes: { total: number; missing: number };
  /** The size of the archive or layout. */
  size?: OutputSize;
  registries: PlannedRequests[];
  /** Free and needed bytes in the directory of the output. */
  space?: { directory: string; free: number; needed: number };
  /** What the save would fail with before its first byte. */
  problems: LadingError[];
  patterns?: ResolvedPattern[];
  failures: { name: string; error: unknown }[];
}

/**
 * Finds out what `save` with the same options would do, up to its first byte: it reads the same manifests, and these
 * requests count as pulls as well. The bytes are exactly those that the save fetches.
 */
export async function planSave({ statfs, ...given }: PlanSaveOptions): Promise<SavePlan> {
  const seen = new SeenRequests();
  const { output = new PassThrough(), onEvent } = given;
  const run = await runSave(
    {
      ...given,
      output,
      onRequest(request) {
        seen.take(request);
        given.onRequest?.(request);
      },
      onEvent(event) {
        seen.note(event);
        onEvent?.(event);
      },
    },
    { dryRun: true },
  );
  const { transferred, format, patterns, options } = run;
  const { plan, size, blobs, bytes, failures } = transferred;
  const disk = typeof output === 'string' && !isBucket(output) ? { output, format, statfs } : undefined;
  const space = disk && (await spaceFor(disk, plan, { size, missing: bytes.sent }));
  return {
    ...(given.output !== undefined && { output: destinationName(options.output) }),
    format,
    images: plan?.images.map(savedImage) ?? [],
    blobs: { total: blobs.total, missing: blobs.sent, present: blobs.present },
    bytes: { total: bytes.total, missing: bytes.sent },
    ...(size !== undefined && { size }),
    registries: seen.planned(plan),
    ...space,
    problems: space?.problems ?? [],
    ...(patterns.length > 0 && { patterns }),
    failures,
  };
}

/** Looks at the file system of an output as the save will. */
async function spaceFor(
  { output, format, statfs }: { output: string; format: SavePlan['format']; statfs: StatFS | undefined },
  plan: Plan | undefined,
  { size, missing }: { size: OutputSize | undefined; missing: number },
): Promise<Pick<SavePlan, 'space' | 'problems'>> {
  const isLayout = format === 'oci';
  // A new layout does not exist yet; an archive is written beside its name.
  const directory = isLayout && (await isDirectory(output)) ? output : dirname(resolve(output));
  const largestBlob = plan?.blobs[0]?.descriptor.size ?? 0;
  const whole = size?.bytes ?? missing;
  // Nothing is written if all of it is there; a part of an earlier run has its space already.
  const needed =
    missing === 0 ? 0 : isLayout ? missing : Math.max(0, whole - (await sizeOf(`${output}.part`)));
  const isKnown = isLayout || size?.kind === 'exact';
  const largestFile = missing === 0 ? 0 : isLayout ? largestBlob : isKnown ? whole : largestBlob;
  const problems: LadingError[] = [];
  try {
    await requireSpace(directory, { bytes: needed, largestFile }, statfs);
  } catch (error) {
    if (!isLadingError(error, 'NO_SPACE', 'USAGE')) throw error;
    problems.push(error);
  }
  return { space: { directory, free: await freeSpaceIn(directory, statfs), needed }, problems };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Requests of the plan, which are those of the save, and what registries said of their limits. */
class SeenRequests {
  readonly #registries = new Map<string, PlannedRequests>();
  /** The registry or mirror that answered for a registry. */
  readonly #answering = new Map<string, string>();

  take({ registry, of, method, content, status }: AnsweredRequest): void {
    if (status >= 400) return;
    const asked = this.#of(registry);
    if (content === 'manifest' && method === 'GET') {
      asked.manifests.get++;
      this.#answering.set(of, registry);
    } else if (content === 'manifest' && method === 'HEAD') asked.manifests.head++;
    else if (content === 'other' && method === 'GET') asked.lists++;
  }

  note(event: CopyEvent): void {
    if (event.type !== 'limited') return;
    const { registry, limit, remaining, windowSeconds, source } = event;
    this.#of(registry).allowance = {
      limit,
      remaining,
      windowSeconds,
      ...(source !== undefined && { source }),
    };
  }

  /** Adds the blobs that will be fetched, and what the limits cost. */
  planned(plan: Plan | undefined): PlannedRequests[] {
    for (const { descriptor, source, isReused } of plan?.blobs ?? []) {
      const [registry = ''] = source.location?.split('/', 1) ?? [];
      if (isReused || source.isLocal !== false || registry === '') continue;
      const asked = this.#of(this.#answering.get(registry) ?? registry);
      asked.blobs++;
      asked.bytes += descriptor.size;
    }
    return [...this.#registries.values()]
      .map((asked) => {
        const waitSeconds = asked.allowance && waitFor(asked.manifests.get, asked.allowance);
        return { ...asked, ...(waitSeconds !== undefined && { waitSeconds }) };
      })
      .sort((a, b) => (a.registry < b.registry ? -1 : 1));
  }

  #of(registry: string): PlannedRequests {
    const known = this.#registries.get(registry) ?? {
      registry,
      manifests: { get: 0, head: 0 },
      lists: 0,
      blobs: 0,
      bytes: 0,
    };
    this.#registries.set(registry, known);
    return known;
  }
}

/** What is left is used at once; after that, each window gives as many pulls as the limit. */
export function waitFor(
  pulls: number,
  { limit, remaining, windowSeconds }: PullAllowance,
): number | undefined {
  if (remaining === undefined) return undefined;
  if (pulls <= remaining) return 0;
  if (!limit || windowSeconds === undefined) return undefined;
  return Math.ceil((pulls - remaining) / limit) * windowSeconds;
}
