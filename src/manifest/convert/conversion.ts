import type { Descriptor } from '../../content/descriptor.js';
import { digestOf } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import type { Manifest } from '../manifest.js';

/** The formats that a conversion can write, besides schema1. */
export type ConversionTarget = 'oci' | 'docker';

/** New content with its descriptor. */
export interface Document {
  descriptor: Descriptor;
  bytes: Buffer;
}

/** What a caller may know about the bytes to convert. */
export interface KnownManifest {
  /** The parsed bytes; they are parsed again if not given. */
  parsed?: Manifest;
}

/** Guards against losing what refers to a manifest by its digest. */
export interface ConversionGuards {
  /** Descriptions of the signatures and attestations for the old digest, which the conversion would lose. */
  signatures?: readonly string[];
  /** Converts even if `signatures`, or the `subject` of an attached manifest, are lost; default false. */
  force?: boolean;
}

/** Makes a document whose digest is that of its bytes. */
export function documentOf(mediaType: string, bytes: Buffer): Document {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/**
 * Returns the losses that the user has to accept before a conversion, as lines for `lost`. Throws `UNSUPPORTED` if
 * there are any without `force`.
 */
export function guardedLosses(
  subject: Descriptor | undefined,
  { signatures = [], force = false }: ConversionGuards,
  where: string,
): string[] {
  const losses = [
    ...(subject === undefined ? [] : [`the subject ${subject.digest}`]),
    ...signatures.map((signature) => `${signature}, which covers ${where}`),
  ];
  const [first] = losses;
  if (first !== undefined && !force) {
    throw new ContentError('UNSUPPORTED', `${where} is not converted, because this would lose ${first}`, {
      hint: 'Copy it as it is, or force the conversion and sign the result.',
    });
  }
  return losses;
}
