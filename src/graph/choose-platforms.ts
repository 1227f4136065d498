import { attestedDigest } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { formatPlatform, matchesPlatform, type Platform } from '../content/platform.js';
import { LadingError } from '../errors.js';
import type { Step } from './walk.js';

/** The platforms that are wanted of an image; undefined for all. */
export type WantedPlatforms = readonly Platform[] | undefined;

/**
 * Returns the children of an index to read first: images, and indexes of them. A child without a platform must be read:
 * it is an index, or its config states the platform. Attestations follow, when it is known which images were kept.
 */
export function childrenFor(children: readonly Descriptor[], wanted: readonly Platform[]): Descriptor[] {
  return children.filter(
    (child) =>
      attestedDigest(child) === undefined &&
      (child.platform === undefined || isOneOf(wanted, child.platform)),
  );
}

/** Returns the attestations of images that were kept. */
export function attestationsOf(children: readonly Descriptor[], kept: Iterable<Descriptor>): Descriptor[] {
  const attested = new Set<string>([...kept].map(({ digest }) => digest));
  return children.filter((child) => attested.has(attestedDigest(child) ?? ''));
}

/** Returns what is wanted at a step. Everything under an attestation is, whatever platform it states. */
export function wantedAt(step: Step, wanted: WantedPlatforms): WantedPlatforms {
  if (step.parent === undefined) return wanted;
  return attestedDigest(step.descriptor) === undefined ? wantedAt(step.parent, wanted) : undefined;
}

/** Returns whether an image with these platforms is wanted. One without a platform (a chart, an SBOM) is for every platform. */
export function isWanted(platforms: readonly Platform[], wanted: WantedPlatforms): boolean {
  return (
    wanted === undefined || platforms.length === 0 || platforms.some((offered) => isOneOf(wanted, offered))
  );
}

/** Returns the error for an image that has none of the wanted platforms, but others. */
export function notAvailable(
  label: string,
  wanted: readonly Platform[],
  offered: readonly Platform[],
): LadingError {
  return new LadingError('NOT_FOUND', notAvailableMessage(label, wanted), {
    hint: `It is available for ${offered.map(formatPlatform).join(', ') || 'no platform that it names'}.`,
  });
}

/** Returns a warning about the wanted platforms that an image with some of them lacks; undefined if it lacks none. */
export function lackOf(
  label: string,
  wanted: readonly Platform[],
  offered: readonly Platform[],
): string | undefined {
  const missing = wanted.filter((platform) => !offered.some((each) => matchesPlatform(platform, each)));
  return missing.length === 0 || offered.length === 0 ? undefined : notAvailableMessage(label, missing);
}

function notAvailableMessage(label: string, platforms: readonly Platform[]): string {
  return `${label} is not available for ${platforms.map(formatPlatform).join(', ')}`;
}

function isOneOf(wanted: readonly Platform[], offered: Platform): boolean {
  return wanted.some((platform) => matchesPlatform(platform, offered));
}
