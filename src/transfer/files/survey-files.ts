import type { Descriptor } from '../../content/descriptor.js';
import type { Platform } from '../../content/platform.js';
import type { PlannedContent } from '../../graph/tree.js';
import { measureArchive } from '../../store/archive/archive-writer.js';
import { readVerified } from '../../store/read-content.js';
import type { OutputSize, Survey, WriteOptions } from '../destination.js';
import type { ImageTrees, Plan } from '../plan.js';
import { type AnyOutput, planFiles, preferring } from './write-files.js';

/** Returns what `writeFiles` would do, by the same plan, without writing. */
export async function surveyFiles(
  output: AnyOutput,
  images: readonly ImageTrees[],
  options: WriteOptions = {},
): Promise<Survey<ImageTrees>> {
  const planned = await planFiles(output, images, options);
  const isThere = await output.isMadeOf(planned);
  const plan = await preferring(output.previous, planned);
  const isMissing = ({ isReused }: PlannedContent): boolean => !isThere && isReused !== true;
  const missing = plan.blobs.filter(isMissing);
  const manifests = plan.manifests.filter(isMissing);
  const size = await output.measure?.(plan);
  return {
    standings: new Map(),
    plan,
    blobs: {
      total: plan.blobs.length,
      sent: missing.length,
      mounted: 0,
      present: plan.blobs.length - missing.length,
    },
    bytes: {
      total: plan.bytes,
      sent: [...missing, ...manifests].reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    },
    ...(size !== undefined && { size }),
  };
}

interface FileOptions {
  dockerPlatform?: Platform | undefined;
  signal?: AbortSignal | undefined;
  onWarning: (message: string) => void;
}

/** What the size of an archive depends on beside its plan. */
export interface MeasureOptions {
  /** The archive as a whole is compressed. */
  isCompressed?: boolean | undefined;
  /** Configs of the images that `manifest.json` named before. */
  dockerConfigs?: ReadonlySet<string> | undefined;
}

/** Returns the size of an archive of what was planned. Configs that `manifest.json` depends on are read. */
export async function measureFile(
  plan: Plan,
  format: 'universal' | 'oci-archive' | 'docker-archive',
  { dockerPlatform, signal, onWarning }: FileOptions,
  { isCompressed = false, dockerConfigs }: MeasureOptions,
): Promise<OutputSize> {
  if (format === 'docker-archive') return { bytes: plan.bytes, kind: isCompressed ? 'about' : 'atLeast' };
  const contents = new Map(plan.blobs.map((blob) => [blob.descriptor.digest, blob]));
  const bytes = await measureArchive(
    {
      blobs: plan.blobs.map(({ descriptor }) => descriptor),
      manifests: plan.manifests.flatMap(({ descriptor, bytes: known }) =>
        known === undefined ? [] : [{ descriptor, bytes: known }],
      ),
      names: plan.images.flatMap(({ names }) => names),
    },
    {
      ...{ format, dockerPlatform, dockerConfigs, onWarning },
      async readConfig(config) {
        const blob = contents.get(config.digest);
        if (blob?.bytes !== undefined) return blob.bytes;
        return readVerified(config, (how) => (blob ?? missing(config)).source.fetch(config, how), { signal });
      },
    },
  );
  return { bytes, kind: isCompressed ? 'about' : 'exact' };
}

function missing({ digest }: Descriptor): never {
  throw new Error(`${digest} is not planned`);
}
