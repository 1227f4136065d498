import { ANNOTATION } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import type { AttachedTree } from '../../graph/attached.js';
import type { ImageTrees } from '../plan.js';

import { type ConvertOptions, ImageConversion } from './image-conversion.js';

/** The result of converting one image. */
export interface ConvertedImage {
  name: string;
  from: Descriptor;
  to: Descriptor;
  /** Signature of a schema1 original; null if it has none. */
  signature: { valid: boolean; keyID?: string } | null;
  /** Every manifest that changed: old digest → new digest. */
  digests: Map<Digest, Digest>;
  /** What could not be kept, one line each. */
  lost: string[];
  /** The images to copy instead: the converted one, and the original if it is kept. */
  images: ImageTrees[];
}

/**
 * Converts an image with everything it consists of. Attachments of a manifest whose digest changes are listed as lost.
 */
export async function convertImage(image: ImageTrees, options: ConvertOptions): Promise<ConvertedImage> {
  const conversion = new ImageConversion(image.name, options);
  const tree = await conversion.convert(image.tree);
  const from = image.tree.content.descriptor;
  const to = tree.content.descriptor;
  const isSame = from.digest === to.digest;
  const stale = attachedToChanged(image.attached, conversion.digests);
  const converted: ImageTrees = isSame
    ? image
    : {
        ...image,
        tree,
        attached: image.attached.filter((attached) => !stale.has(attached)),
        ...(options.keepOriginal && { annotations: { [ANNOTATION.convertedFrom]: from.digest } }),
      };
  return {
    name: image.name,
    from,
    to,
    signature: conversion.signature,
    digests: conversion.digests,
    lost: [...conversion.lost, ...(options.keepOriginal ? [] : [...stale].map(nameAttached))],
    images:
      !isSame && options.keepOriginal
        ? [converted, { ...image, name: from.digest, beside: image.name }]
        : [converted],
  };
}

/** Returns the attachments of manifests whose digest changed, and the attachments of those attachments. */
function attachedToChanged(
  attached: readonly AttachedTree[],
  changed: ReadonlyMap<Digest, Digest>,
): Set<AttachedTree> {
  const gone = new Set<Digest>(changed.keys());
  const stale = new Set<AttachedTree>();
  for (let found = -1; found < stale.size; ) {
    found = stale.size;
    for (const referrer of attached) {
      if (!gone.has(referrer.subject)) continue;
      stale.add(referrer);
      gone.add(referrer.tree.content.descriptor.digest);
    }
  }
  return stale;
}

function nameAttached({ tree, tag, subject }: AttachedTree): string {
  return `${tag ?? tree.content.descriptor.digest}, which is attached to ${subject}`;
}
