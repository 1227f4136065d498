import { printable } from '../errors.js';
import type { ConversionTarget } from './convert/conversion.js';
import { type JSONEdit, REMOVE } from './json/edit.js';
import { isJSONObject, parseJSON } from './json/json.js';
import { MANIFEST } from './shapes.js';

/** Members of OCI's manifests and indexes that Docker's have not. */
const OF_MANIFEST = ['artifactType', 'subject', 'annotations'];
/** The same of descriptors. Docker has a platform in manifest lists only. */
const OF_CONTENT = ['annotations', 'data', 'platform', 'artifactType'];
const OF_CHILD = ['annotations', 'data', 'artifactType'];

/**
 * Edits that take out the members that only OCI has: at the top, of config and layers, of an index's children.
 * On the way to OCI too, those at the top, which nobody reads in Docker's formats, must not come to mean
 * something; descriptors are read alike in both, and keep theirs.
 */
export function withoutOCIMembers(target: ConversionTarget) {
  return {
    manifest: removing(OF_MANIFEST),
    content: removing(target === 'docker' ? OF_CONTENT : []),
    child: removing(target === 'docker' ? OF_CHILD : []),
  };
}

/** What those edits take out of a manifest or index, one line each; its subject is for the caller to judge. */
export function lostOCIMembers(bytes: Uint8Array, target: ConversionTarget, where: string): string[] {
  const document = parseJSON(bytes, { shape: MANIFEST, what: where });
  if (!isJSONObject(document)) return [];
  const ofManifest = lostMembers({ ...document, subject: undefined }, OF_MANIFEST, where);
  if (target === 'oci') return ofManifest;
  const { config, layers, manifests } = document;
  return [
    ...ofManifest,
    ...[config, ...listOf(layers)].flatMap((content) => lostMembers(content, OF_CONTENT)),
    ...listOf(manifests).flatMap((child) => lostMembers(child, OF_CHILD)),
  ];
}

function lostMembers(object: unknown, names: readonly string[], where?: string): string[] {
  if (!isJSONObject(object)) return [];
  const owner = where ?? object.digest;
  return names.flatMap((name) => {
    const value = object[name];
    if (value == null) return [];
    if (name !== 'annotations' || !isJSONObject(value)) return printable(`${name} of ${owner}`);
    return Object.keys(value).map((annotation) => printable(`the annotation ${annotation} of ${owner}`));
  });
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function removing(names: readonly string[]): Record<string, JSONEdit> {
  return Object.fromEntries(names.map((name) => [name, REMOVE]));
}
