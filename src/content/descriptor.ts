import type { Digest } from './digest.js';
import type { Platform } from './platform.js';

/** Identifies content by its type, digest and length in bytes. (image-spec, descriptor.md) */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes of the raw content. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself, base64. */
  data?: string;
  platform?: Platform;
  artifactType?: string;
}

/** A name in a store, and the descriptor that it refers to. */
export interface NamedDescriptor {
  /** In a registry, a tag of the repository; in a layout or archive, the reference exactly as written there. */
  name: string;
  descriptor: Descriptor;
}

/**
 * Returns the three members that identify content, without those that a parent adds, such as annotations or a platform.
 */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
