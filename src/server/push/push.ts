import { MAX_MANIFEST_BYTES } from '../../manifest/manifest.js';
import type { WritableRepositories } from '../../store/writable-repository.js';
import type { Answer, Asked } from '../answer.js';
import type { HeldMemory } from '../held-memory.js';
import type { Conversions } from '../read/conversions.js';
import type { Endpoint } from '../router.js';
import { deleteBlob, deleteManifest } from './deletes.js';
import type { PushSide } from './push-side.js';
import { createLargeManifests, putManifest } from './put-manifest.js';
import { UploadSessions } from './upload-sessions.js';
import { appendToUpload, beginUpload, cancelUpload, completeUpload, describeUpload } from './uploads.js';

export interface WritableOptions {
  /** Where pushes are stored. `openRepository` has to find what is stored here. */
  repositories: WritableRepositories;
  /** Minimum size of a chunk, except for the last one. It is announced to clients but not enforced. Default: none. */
  chunkMinBytes?: number | undefined;
  /** Maximum number of open uploads; further ones are refused with 429. Default 1000. */
  maxSessions?: number | undefined;
  /** Maximum size of a blob in bytes; default: only the limit of the store. */
  maxBlobBytes?: number | undefined;
  /** Maximum size of a manifest in bytes; default, and at most, the 4 MiB that clients read. */
  maxManifestBytes?: number | undefined;
  /** Whether manifests may lack some layers or children, as on mirrors of a few platforms. */
  allowSparse?: boolean | undefined;
}

const DEFAULT_MAX_SESSIONS = 1000;

export function createPushSide(
  options: WritableOptions,
  {
    conversions,
    clientShare,
    memory,
  }: { conversions: Conversions | undefined; clientShare: number; memory: HeldMemory },
): PushSide {
  return {
    repositories: options.repositories,
    sessions: new UploadSessions({ most: options.maxSessions ?? DEFAULT_MAX_SESSIONS, clientShare }),
    chunkMinBytes: options.chunkMinBytes,
    maxBlobBytes: options.maxBlobBytes ?? Number.POSITIVE_INFINITY,
    maxManifestBytes: Math.min(options.maxManifestBytes ?? MAX_MANIFEST_BYTES, MAX_MANIFEST_BYTES),
    allowSparse: options.allowSparse ?? false,
    conversions,
    memory,
    large: createLargeManifests(),
  };
}

/** Whether `answerPush` answers a request: one that writes, or that asks for the state of an upload. */
export function isPush(endpoint: Endpoint, method: string): boolean {
  if (endpoint.type === 'uploads' || endpoint.type === 'upload') return true;
  return method === 'PUT' || method === 'DELETE';
}

/** Answers a request that writes. The router admits only the methods and endpoints that are handled here. */
export async function answerPush(push: PushSide, endpoint: Endpoint, asked: Asked): Promise<Answer> {
  switch (endpoint.type) {
    case 'uploads':
      return beginUpload(push, endpoint.repository, asked);
    case 'upload':
      switch (asked.method) {
        case 'PATCH':
          return appendToUpload(push, endpoint, asked);
        case 'PUT':
          return completeUpload(push, endpoint, asked);
        case 'DELETE':
          return cancelUpload(push, endpoint);
        default:
          return describeUpload(push, endpoint);
      }
    case 'manifest':
      return asked.method === 'PUT'
        ? putManifest(push, endpoint, asked)
        : deleteManifest(push.repositories, endpoint);
    case 'blob':
      return deleteBlob(push.repositories, endpoint);
    default:
      throw new Error(`${asked.method} of ${endpoint.type} does not write`);
  }
}
