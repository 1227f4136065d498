import type { Digest } from './digest.js';
import type { Platform } from './platform.js';

/** What names content: its type, digest and length in bytes. (image-spec, descriptor.md) */
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

/** A name that a store holds, and what it names. */
export interface NamedDescriptor {
  /** A tag in a registry's repository; the reference as it stands in a layout or archive. */
  name: string;
  descriptor: Descriptor;
}

/** The three members that identify content, without what a parent says about it. */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
