import type { Descriptor } from '../../content/descriptor.js';
import { digestOf } from '../../content/digest.js';
import { ContentError } from '../../errors.js';
import type { Manifest } from '../manifest.js';

/** The family of formats that a conversion makes; schema1 is a family of its own. */
export type ConversionTarget = 'oci' | 'docker';

/** New content, and what names it. */
export interface Document {
  descriptor: Descriptor;
  bytes: Buffer;
}

/** What a caller may know of the bytes that it has converted. */
export interface KnownManifest {
  /** The bytes, parsed; default: they are parsed here. */
  parsed?: Manifest;
}

/** What guards against losing what refers to a manifest by its digest. */
export interface ConversionGuards {
  /** What covers the digest that the conversion gives up: signatures, attestations, as they should be named. */
  signatures?: readonly string[];
  /** Converts although `signatures`, or the `subject` of an attached manifest, are lost; default false. */
  force?: boolean;
}

/** A document whose digest is that of its bytes. */
export function documentOf(mediaType: string, bytes: Buffer): Document {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/**
 * What a conversion loses of which the user has to know beforehand, as lines for `lost`; throws
 * `UNSUPPORTED` where there is any and it was not forced.
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
    throw new ContentError('UNSUPPORTED', `${where} is not converted: that would lose ${first}`, {
      hint: 'Copy it as it is, or force the conversion and sign the result.',
    });
  }
  return losses;
}
