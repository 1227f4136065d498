import { printable } from '../errors.js';
import type { ConversionTarget } from './convert/conversion.js';
import { type JSONEdit, REMOVE } from './json/edit.js';
import { isJSONObject, parseJSON } from './json/json.js';
import { MANIFEST } from './shapes.js';

/** Members of OCI manifests and indexes that Docker's formats do not have. */
const OF_MANIFEST = ['artifactType', 'subject', 'annotations'];
/** The same for descriptors. Docker has `platform` only in manifest lists. */
const OF_CONTENT = ['annotations', 'data', 'platform', 'artifactType'];
const OF_CHILD = ['annotations', 'data', 'artifactType'];

/**
 * Returns edits that remove the members that only OCI has: at the top, of config and layers, and of an index's
 * children. Members at the top are also removed on the way to OCI, because they have no meaning in Docker's formats and
 * would get one. Descriptors keep theirs then, because they mean the same in both.
 */
export function withoutOCIMembers(target: ConversionTarget) {
  return {
    manifest: removing(OF_MANIFEST),
    content: removing(target === 'docker' ? OF_CONTENT : []),
    child: removing(target === 'docker' ? OF_CHILD : []),
  };
}

/** Returns what those edits remove, one line for each member, without `subject`, which callers handle themselves. */
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
