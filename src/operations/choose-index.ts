import { isDigest } from '../content/digest.js';
import { type Platform, parsePlatform } from '../content/platform.js';
import { LadingError } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import type { CopyRequest, ImageTrees, PlanOptions } from '../transfer/plan.js';

/** Which platforms of images are carried. */
export interface PlatformOptions {
  /** Platforms of an index to take, `OS/ARCH[/VARIANT]`; default all, with unchanged digests. */
  platforms?: readonly string[] | undefined;
  /**
   * What happens to an index if only some of its platforms are chosen; default `rewrite`, and `sparse` for an image that
   * is named by its digest.
   */
  index?: 'sparse' | 'rewrite' | undefined;
}

/** What is said of platforms, and the output that they are for. */
interface ChoiceOptions extends PlatformOptions {
  /** The format of the output; only `docker-archive` makes a difference. */
  format?: string | undefined;
  dockerPlatform?: string | undefined;
}

/** What happens to indexes, and where foreign layers come from. */
export interface IndexChoice {
  platforms: Platform[] | undefined;
  index: 'sparse' | 'rewrite' | 'single';
  dockerPlatform: Platform | undefined;
  foreign?: PlanOptions['foreign'];
}

/**
 * Decides what happens to indexes: a docker-archive holds one platform of an image, other formats keep what was
 * requested.
 */
export function chooseIndex(options: ChoiceOptions): IndexChoice {
  const platforms = options.platforms?.map(parsePlatform);
  const dockerPlatform =
    options.dockerPlatform === undefined ? undefined : parsePlatform(options.dockerPlatform);
  if (options.format !== 'docker-archive') {
    return { platforms, index: options.index ?? 'rewrite', dockerPlatform };
  }
  const chosen = platforms ?? (dockerPlatform && [dockerPlatform]);
  if (chosen !== undefined && chosen.length > 1) {
    throw new LadingError('USAGE', 'a docker-archive holds one platform of an image', {
      hint: 'Choose one, or another format (universal).',
      remedy: 'onePlatform',
    });
  }
  return { platforms: chosen, index: 'single', dockerPlatform };
}

/** Returns the requests with what happens to the index of each; `reference` is how the image is asked for. */
export function withIndexChoice(requests: readonly CopyRequest[], options: ChoiceOptions): CopyRequest[] {
  return requests.map((request) => {
    const { reference, name } = request;
    const index = indexOf(isDigest(reference) || isDigest(name) || name.includes('@'), options);
    return { ...request, index };
  });
}

/** Keeps the index of an image that is named by its digest, and leaves out the platforms that were not chosen. */
export function indexOf(
  isPinned: boolean,
  { index, platforms, format }: ChoiceOptions,
): CopyRequest['index'] {
  const isChosen = platforms !== undefined && format !== 'docker-archive';
  return isPinned && isChosen && index === undefined ? 'sparse' : undefined;
}

/** Warns about images whose index stays as it is because they are named by their digest. */
export function warnOfLeftOut(
  images: readonly ImageTrees[],
  { platforms, index, onEvent }: PlatformOptions & { onEvent?: OnCopyEvent | undefined },
): void {
  if (platforms === undefined || index !== undefined) return;
  for (const { name, tree } of images)
    if (tree.absent.length > 0)
      onEvent?.({
        type: 'warning',
        message: `${name} is named by its digest, so its index is not changed; left out on purpose: ${tree.absent.join(', ')}`,
      });
}
