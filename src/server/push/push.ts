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
import { appendToUpload, beginUpload, cancelUpload, completeUpload, tellUpload } from './uploads.js';

export interface WritableOptions {
  /** Where pushes go. What they leave there is what `openRepository` has to find. */
  repositories: WritableRepositories;
  /** The smallest piece that clients should send, but for the last; said to them, not enforced. Default: none. */
  chunkMinBytes?: number | undefined;
  /** Uploads that are begun and not over, at once; a further one is refused with 429. Default 1000. */
  maxSessions?: number | undefined;
  /** Bytes of a blob; default no limit but the store's. */
  maxBlobBytes?: number | undefined;
  /** Bytes of a manifest; default, and at most, the 4 MiB that clients read. */
  maxManifestBytes?: number | undefined;
  /** Takes manifests some of whose layers or children are not there, as mirrors of a few platforms have them. */
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

/** Whether a request is answered by `answerPush`: it writes, or asks how far writing has come. */
export function isPush(endpoint: Endpoint, method: string): boolean {
  if (endpoint.type === 'uploads' || endpoint.type === 'upload') return true;
  return method === 'PUT' || method === 'DELETE';
}

/** Method and endpoint → answer; the router let only such pairs pass as are named here. */
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
          return tellUpload(push, endpoint);
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
