import { isDigest } from '../content/digest.js';
import {
  formatReference,
  isReference,
  isTag,
  parseReference,
  pushableName,
  withDefaultTag,
} from '../content/reference.js';
import { type Advice, isLadingError, LadingError } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import type { ImageTrees } from '../transfer/plan.js';
import { type ImageToPush, type RegistryNaming, renamed } from '../transfer/registry/registry-names.js';
import { isSelection } from '../transfer/requests.js';

interface NamingOptions {
  /** The texts that the images were requested by; undefined for all images. */
  images?: readonly string[] | undefined;
  /** Name for an image that has none. */
  name?: string | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/**
 * Names all images. If several images are loaded without being requested by name, those without a usable name are left
 * out, with a warning that says how to load them.
 */
export function nameAll(
  images: readonly ImageTrees[],
  destination: RegistryNaming,
  options: NamingOptions,
): ImageToPush[] {
  const isChosen = (options.images ?? []).some((text) => !isSelection(text)) || options.name !== undefined;
  const named: ImageToPush[] = [];
  const nameless: LadingError[] = [];
  for (const image of images) {
    try {
      named.push({ image, destination: renamed(nameOf(image, images.length, options), destination) });
    } catch (error) {
      if (isChosen || !isLadingError(error, 'USAGE', 'INVALID_REFERENCE') || !isNameless(image)) throw error;
      nameless.push(error);
    }
  }
  const [first] = nameless;
  if (first !== undefined && named.length === 0) throw first;
  for (const { message } of nameless)
    options.onEvent?.({
      type: 'warning',
      message: `${message}: it is left out; load it by itself, with its digest and a name`,
    });
  return named;
}

/** True if an image has no name that a registry could use. */
function isNameless({ name }: ImageTrees): boolean {
  return isDigest(name) || (!isTag(pushableName(name)) && !isReference(pushableName(name)));
}

/** Returns the name of an image; rejects with `USAGE` if it has none and no name was given. */
function nameOf(
  { name: original }: ImageTrees,
  count: number,
  { name: given, onEvent }: NamingOptions,
): string {
  const name = pushableName(original);
  if (name !== original)
    onEvent?.({
      type: 'warning',
      message: `${original} becomes ${name}: tags in a registry cannot contain a +`,
    });
  // The name of a layout's entry may be just a tag. (image-spec, annotations.md, `ref.name`)
  const isBare = isTag(name);
  if (given !== undefined) {
    const reference = parseReference(given);
    if (isBare && reference.tag === undefined) return formatReference({ ...reference, tag: name });
    if (count === 1) return formatReference(withDefaultTag(reference));
    throw new LadingError('USAGE', `${count} images cannot all be called ${given}`, {
      hint: isBare
        ? 'Leave the tag out, so that each keeps its own.'
        : 'Name the intended image after the destination.',
    });
  }
  if (!isBare && !isDigest(name) && isReference(name)) return name;
  const advice: Advice = { hint: 'Give it a name.', remedy: 'name' };
  if (!isBare && !isDigest(name))
    throw new LadingError('INVALID_REFERENCE', `"${name}" is not the name of an image`, advice);
  throw new LadingError('USAGE', `the image ${name} has no name${isBare ? ' but this tag' : ''}`, advice);
}
