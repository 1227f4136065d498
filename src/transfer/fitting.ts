import type { Descriptor } from '../content/descriptor.js';
import { type Advice, LadingError, redactURL } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import type { ManifestTree } from '../graph/tree.js';
import type { ImageTrees } from './plan.js';

/** Leaves out images that do not fit, with a warning; rejects with `UNSUPPORTED` if no image fits. */
export function fitting(
  images: readonly ImageTrees[],
  reasonOf: (image: ImageTrees) => string | undefined,
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  const reasons = images.map(reasonOf);
  const kept = images.filter((_, place) => reasons[place] === undefined);
  const [first] = images;
  if (first !== undefined && kept.length === 0)
    throw new LadingError('UNSUPPORTED', `${first.name} ${reasons[0]}`, {
      hint: 'An archive of another format (universal) or a layout keeps it.',
      remedy: 'format',
      remedyFor: 'universal',
    });
  for (const [place, { name }] of images.entries())
    if (reasons[place] !== undefined) warn(onEvent, `${name} ${reasons[place]}; left out`);
  return kept;
}

export function aBlob({ content: manifest }: ManifestTree): string {
  return `not an image but a blob (${manifest.descriptor.mediaType})`;
}

/**
 * Warns about layers that are not carried with the images: they stay where their `urls` point, which an air-gapped
 * network cannot reach.
 */
export function warnOfForeign(images: readonly ImageTrees[], onEvent: OnCopyEvent | undefined): void {
  for (const { name, tree } of images) {
    const foreign = new Map(foreignOf(tree).map(({ digest, urls }) => [digest, urls?.[0] ?? '']));
    if (foreign.size === 0) continue;
    const places = [...foreign].map(([digest, url]) => `${digest} at ${redactURL(url)}`).join(', ');
    warn(onEvent, `${name}: foreign layers are not included, but stay where they are: ${places}`, {
      remedy: 'includeForeign',
    });
  }
}

function foreignOf({ foreign = [], children }: ManifestTree): Descriptor[] {
  return [...foreign, ...children.flatMap(foreignOf)];
}

export function warn(
  onEvent: OnCopyEvent | undefined,
  message: string,
  advice: Pick<Advice, 'remedy' | 'remedyFor'> = {},
): void {
  onEvent?.({ type: 'warning', message, ...advice });
}
