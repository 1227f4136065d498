import { createHash } from 'node:crypto';

/** A manifest in a registry. */
export interface RegistryManifest {
  bytes: Buffer;
  mediaType: string;
  /** The digest according to the registry; for schema1 it is not the hash of the bytes. */
  digest: string;
}

/** The members of a descriptor that these tests use. */
export interface NamedContent {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  platform?: { os: string; architecture: string };
  annotations?: Record<string, string>;
}

/** The members of image manifests, image indexes and manifest lists that these tests use. */
export interface ManifestDocument {
  artifactType?: string;
  mediaType?: string;
  config?: NamedContent;
  layers?: NamedContent[];
  manifests?: NamedContent[];
}

export const TYPE = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const;

export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Returns the answer of a registry without login and TLS to a client that accepts `accept` (default everything). */
export async function getManifest(
  host: string,
  repository: string,
  reference: string,
  accept: readonly string[] = Object.values(TYPE),
): Promise<RegistryManifest> {
  const headers: Record<string, string> = accept.length > 0 ? { accept: accept.join(', ') } : {};
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`GET ${response.url}: ${response.status} ${bytes.toString()}`);
  return {
    bytes,
    mediaType: response.headers.get('content-type') ?? '',
    digest: response.headers.get('docker-content-digest') ?? '',
  };
}

/** Pushes a manifest to a registry without login and TLS, under a tag or digest, and returns its descriptor. */
export async function putManifest(
  host: string,
  repository: string,
  reference: string,
  mediaType: string,
  body: Buffer,
): Promise<NamedContent> {
  const url = `http://${host}/v2/${repository}/manifests/${reference}`;
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': mediaType }, body });
  if (response.status !== 201) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
  const digest = response.headers.get('docker-content-digest') ?? '';
  return { mediaType, digest, size: body.length };
}

/** Pushes a blob to a registry without login and TLS. */
export async function putBlob(
  host: string,
  repository: string,
  mediaType: string,
  body: Buffer,
): Promise<NamedContent> {
  const digest = sha256(body);
  const opened = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = opened.headers.get('location');
  if (opened.status !== 202 || location === null) throw new Error(`POST uploads: ${opened.status}`);
  const target = new URL(location, opened.url);
  target.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const response = await fetch(target, { method: 'PUT', headers, body });
  if (response.status !== 201) throw new Error(`PUT blob: ${response.status} ${await response.text()}`);
  return { mediaType, digest, size: body.length };
}

/** Mounts a blob from another repository of a registry without login and TLS. */
export async function mountBlob(
  host: string,
  repository: string,
  digest: string,
  from: string,
): Promise<void> {
  const query = new URLSearchParams({ mount: digest, from });
  const response = await fetch(`http://${host}/v2/${repository}/blobs/uploads/?${query}`, { method: 'POST' });
  if (response.status !== 201) throw new Error(`POST ${response.url}: ${response.status}`);
}

/** Returns a manifest's JSON; callers assert its shape. */
export function documentOf(bytes: string | Buffer): ManifestDocument {
  return JSON.parse(bytes.toString()) as ManifestDocument;
}
