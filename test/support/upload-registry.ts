import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { algorithmOf, digestOf, isDigest } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { manifestDigest, parseManifest, successors } from '../../src/manifest/manifest.js';
import { createRegistryServer } from '../../src/server/server.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { has, type Store } from '../../src/store/store.js';

/** Differences between registries. */
export interface UploadRegistryOptions {
  /** Returns the Location for the upload with this path; default the path with a state in its query. */
  locationOf?: (path: string, origin: string) => string;
  /** The `OCI-Chunk-Min-Length` that it sends. */
  minChunkBytes?: number;
  /** Returns the `Range` to send for this many bytes; default `0-<last>`. */
  rangeOf?: (bytes: number) => string;
  patchStatus?: number;
  /** Whether it mounts blobs; otherwise it starts an upload. Default true. */
  mounts?: boolean;
  /** Whether it has the referrers API. */
  listsReferrers?: boolean;
  /** Returns an answer that replaces the registry's. `count` is the number of the request. */
  refuse?: (request: IncomingMessage, count: number) => Refusal | 'reset' | undefined;
}

export interface Refusal {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface UploadRegistry {
  host: string;
  origin: string;
  /** `METHOD path` of each request, without the state of uploads, and its `Content-Range`. */
  requests: string[];
  /** The headers of each request. */
  headers: IncomingMessage['headers'][];
  /** Returns the content of a repository. */
  repository(name: string): Store;
  /** Returns all repositories that something was pushed to. */
  repositories(): ReadonlyMap<string, Store>;
  /** Returns the bytes of each unfinished upload. */
  pending(): number[];
  /** Forgets all uploads, as a registry does after some time. */
  forgetUploads(): void;
  close(): Promise<void>;
}

interface Upload {
  repository: string;
  bytes: Buffer;
  state: string;
}

/**
 * Starts a registry in memory that accepts pushes by the specification, and keeps the bytes of a request that was cut.
 */
export async function startUploadRegistry(options: UploadRegistryOptions = {}): Promise<UploadRegistry> {
  const repositories = new Map<string, Store>();
  const uploads = new Map<string, Upload>();
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const repository = (name: string): Store => {
    const store = repositories.get(name) ?? createMemoryStore();
    repositories.set(name, store);
    return store;
  };
  const reading = createRegistryServer({ openRepository: async (name) => repositories.get(name) });

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', origin);
    const shown = new URLSearchParams(url.search);
    shown.delete('state');
    const query = decodeURIComponent(shown.toString());
    const range = request.headers['content-range'];
    const path = url.pathname.replace(/[0-9a-f-]{36}$/, 'ID');
    requests.push(
      `${request.method} ${path}${query && `?${query}`}${range === undefined ? '' : ` ${range}`}`,
    );
    headers.push(request.headers);
    const refusal = options.refuse?.(request, requests.length);
    if (refusal === 'reset') {
      request.socket.destroy();
      return;
    }
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers).end(refusal.body);
      return;
    }
    answer(request, response, url).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listening on a port, not a pipe
  const host = `127.0.0.1:${port}`;
  const origin = `http://${host}`;

  async function answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const [, name = '', rest = ''] =
      /^\/v2\/(.+?)\/(blobs\/uploads\/.*|manifests\/.+)$/.exec(url.pathname) ?? [];
    if (request.method === 'POST') return begin(response, url, name);
    if (rest.startsWith('blobs/uploads/')) return goOn(request, response, url, name);
    if (request.method === 'PUT')
      return putManifest(request, response, name, rest.slice('manifests/'.length));
    if (url.pathname.includes('/referrers/') && !options.listsReferrers)
      return refuse(response, 404, 'UNKNOWN');
    reading.handler(request, response);
  }

  async function begin(response: ServerResponse, url: URL, name: string): Promise<void> {
    const digest = url.searchParams.get('mount');
    const from = repositories.get(url.searchParams.get('from') ?? '');
    if (options.mounts !== false && isDigest(digest) && from !== undefined) {
      const size = await from.sizeOf({ digest });
      if (size !== undefined) {
        const blob = { mediaType: 'application/octet-stream', digest, size };
        await repository(name).push(blob, () => from.fetch(blob));
        response.writeHead(201, { location: `/v2/${name}/blobs/${digest}` }).end();
        return;
      }
    }
    const id = randomUUID();
    const upload = { repository: name, bytes: Buffer.alloc(0), state: randomUUID() };
    uploads.set(id, upload);
    const { minChunkBytes } = options;
    const minimum = minChunkBytes === undefined ? {} : { 'oci-chunk-min-length': String(minChunkBytes) };
    response.writeHead(202, { ...stateOf(id, upload), ...minimum }).end();
  }

  async function goOn(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    name: string,
  ): Promise<void> {
    const id = url.pathname.split('/').at(-1) ?? '';
    const upload = uploads.get(id);
    if (upload === undefined || upload.repository !== name)
      return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    if (request.method === 'GET') {
      response.writeHead(204, stateOf(id, upload)).end();
      return;
    }
    const [, start] = /^(\d+)-\d+$/.exec(request.headers['content-range'] ?? '') ?? [];
    if (start !== undefined && Number(start) !== upload.bytes.length)
      return refuse(response, 416, 'RANGE_INVALID');
    for await (const chunk of request as AsyncIterable<Buffer>)
      upload.bytes = Buffer.concat([upload.bytes, chunk]);
    if (request.method === 'PATCH') {
      upload.state = randomUUID();
      response.writeHead(options.patchStatus ?? 202, stateOf(id, upload)).end();
      return;
    }
    const digest = url.searchParams.get('digest');
    uploads.delete(id);
    if (!isDigest(digest) || digestOf(upload.bytes, algorithmOf(digest)) !== digest)
      return refuse(response, 400, 'DIGEST_INVALID');
    const descriptor = { mediaType: 'application/octet-stream', digest, size: upload.bytes.length };
    await repository(name).push(descriptor, async () => Readable.from([upload.bytes]));
    response.writeHead(201, { 'docker-content-digest': digest }).end();
  }

  function stateOf(id: string, { repository: name, bytes, state }: Upload): Record<string, string> {
    const path = `/v2/${name}/blobs/uploads/${id}`;
    const locationOf = options.locationOf ?? ((plain: string) => `${plain}?state=${state}`);
    const rangeOf = options.rangeOf ?? ((count: number) => `0-${Math.max(0, count - 1)}`);
    return { location: locationOf(path, origin), range: rangeOf(bytes.length) };
  }

  async function putManifest(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    reference: string,
  ): Promise<void> {
    const mediaType = request.headers['content-type'] ?? MEDIA_TYPE.dockerSchema1Signed;
    const bytes = await buffer(request);
    const store = repository(name);
    try {
      const manifest = parseManifest(bytes, { mediaType });
      const digest = manifestDigest(
        bytes,
        mediaType,
        isDigest(reference) ? algorithmOf(reference) : 'sha256',
      );
      if (isDigest(reference) && digest !== reference) return refuse(response, 400, 'DIGEST_INVALID');
      const { blobs, manifests, subject } = successors(manifest);
      for (const child of [...blobs, ...manifests])
        if (!(await has(store, child))) return refuse(response, 400, 'MANIFEST_BLOB_UNKNOWN');
      const descriptor = { mediaType, digest, size: bytes.length };
      // Only a registry with the referrers API may find referrers by their subject.
      await store.push(descriptor, async () => Readable.from([bytes]));
      if (!isDigest(reference)) await store.tag(descriptor, decodeURIComponent(reference));
      const indexed = options.listsReferrers && subject ? { 'oci-subject': subject.digest } : {};
      response.writeHead(201, { 'docker-content-digest': digest, ...indexed }).end();
    } catch (error) {
      if (!isLadingError(error)) throw error;
      refuse(response, 400, 'MANIFEST_INVALID');
    }
  }

  return {
    host,
    origin,
    requests,
    headers,
    repository,
    repositories: () => repositories,
    pending: () => [...uploads.values()].map(({ bytes }) => bytes.length),
    forgetUploads: () => uploads.clear(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase().replaceAll('_', ' ') }] });
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}
