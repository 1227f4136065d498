import type { Descriptor } from '../content/descriptor.js';
import type { Platform } from '../content/platform.js';
import type { AttachmentDocument, DescriptorDocument } from './documents.js';
import { isJSONObject } from './json/json.js';
import { textOf, textsIn, textsOf } from './json/members.js';

/**
 * A descriptor as it stands in a document → the members that lading knows. Of those beside its digest and size, what
 * is not of its type is read as if it were not there: the document's bytes keep it.
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

/** The optional members that OCI's manifests share. */
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

/** Undefined where it says nothing: of an entry with `{}` or null, the image's config tells what it runs on. */
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
