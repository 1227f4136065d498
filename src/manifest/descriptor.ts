import type { Descriptor } from '../content/descriptor.js';
import type { Platform } from '../content/platform.js';
import type { AttachmentDocument, DescriptorDocument } from './documents.js';
import { isJSONObject } from './json/json.js';
import { textOf, textsIn, textsOf } from './json/members.js';

/**
 * Returns the members of a descriptor that lading knows. Members of a wrong type, except digest and size, are treated
 * as missing; the bytes of the document still have them.
 */
export function readDescriptor(document: DescriptorDocument): Descriptor {
  const { mediaType, digest, size } = document;
  const urls = textsOf(document.urls);
  const annotations = textsIn(document.annotations);
  const data = textOf(document.data);
  const platform = readPlatform(document.platform);
  const artifactType = textOf(document.artifactType);
  return {
    mediaType: mediaType ?? '',
    digest,
    size,
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    ...(data !== undefined && { data }),
    ...(platform && { platform }),
    ...(artifactType && { artifactType }),
  };
}

export function readDescriptors(documents: DescriptorDocument[] | null | undefined): Descriptor[] {
  return (documents ?? []).map(readDescriptor);
}

/** Reads the optional members that all OCI manifests have. */
export function readAttachment({ artifactType, subject, annotations }: AttachmentDocument): {
  artifactType?: string;
  subject?: Descriptor;
  annotations?: Record<string, string>;
} {
  const type = textOf(artifactType);
  const texts = textsIn(annotations);
  return {
    ...(type && { artifactType: type }),
    ...(subject && { subject: readDescriptor(subject) }),
    ...(texts && { annotations: texts }),
  };
}

/** Returns undefined for `{}` and null: the platform is then read from the image's config. */
function readPlatform(document: unknown): Platform | undefined {
  if (!isJSONObject(document)) return undefined;
  const os = textOf(document.os);
  const architecture = textOf(document.architecture);
  if (os === undefined || architecture === undefined) return undefined;
  const variant = textOf(document.variant);
  const version = textOf(document['os.version']);
  const osFeatures = textsOf(document['os.features']);
  const features = textsOf(document.features);
  return {
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { 'os.version': version }),
    ...(osFeatures && { 'os.features': osFeatures }),
    ...(features && { features }),
  };
}
