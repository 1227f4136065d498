import type { Descriptor } from '../content/descriptor.js';
import type { Platform } from '../content/platform.js';
import type { DescriptorDocument, PlatformDocument } from './documents.js';

/** A descriptor as it stands in a document → the members that lading knows, without nulls. */
export function readDescriptor(document: DescriptorDocument): Descriptor {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType } = document;
  return {
    mediaType,
    digest,
    size,
    ...(urls == null ? {} : { urls }),
    ...(annotations == null ? {} : { annotations: { ...annotations } }),
    ...(data == null ? {} : { data }),
    ...(platform === undefined ? {} : { platform: readPlatform(platform) }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

export function readDescriptors(documents: DescriptorDocument[] | null | undefined): Descriptor[] {
  return (documents ?? []).map(readDescriptor);
}

/** The optional members that OCI's manifests share. */
export function readAttachment(document: {
  artifactType?: string;
  subject?: DescriptorDocument;
  annotations?: Record<string, string> | null;
}): { artifactType?: string; subject?: Descriptor; annotations?: Record<string, string> } {
  const { artifactType, subject, annotations } = document;
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject: readDescriptor(subject) }),
    ...(annotations == null ? {} : { annotations: { ...annotations } }),
  };
}

function readPlatform(document: PlatformDocument): Platform {
  const { os, architecture, variant, features } = document;
  const version = document['os.version'];
  const osFeatures = document['os.features'];
  return {
    os,
    architecture,
    ...(variant == null ? {} : { variant }),
    ...(version == null ? {} : { 'os.version': version }),
    ...(osFeatures == null ? {} : { 'os.features': osFeatures }),
    ...(features == null ? {} : { features }),
  };
}
