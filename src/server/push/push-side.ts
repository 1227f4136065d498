import type { WritableRepositories } from '../../store/writable-repository.js';
import type { FairQueue } from '../fair-queue.js';
import type { HeldMemory } from '../held-memory.js';
import type { Conversions } from '../read/conversions.js';
import type { UploadSessions } from './upload-sessions.js';

/** The writing half of a registry, with its state between requests. */
export interface PushSide {
  repositories: WritableRepositories;
  sessions: UploadSessions;
  chunkMinBytes: number | undefined;
  maxBlobBytes: number;
  maxManifestBytes: number;
  allowSparse: boolean;
  /** Converted content that clients may have pulled; it is stored only when a push names it. */
  conversions: Conversions | undefined;
  memory: HeldMemory;
  /** The queue of large manifests: once parsed, a manifest takes ten times the memory of its bytes. */
  large: FairQueue;
}
