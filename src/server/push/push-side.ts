import type { WritableRepositories } from '../../store/writable-repository.js';
import type { FairQueue } from '../fair-queue.js';
import type { HeldMemory } from '../held-memory.js';
import type { Conversions } from '../read/conversions.js';
import type { UploadSessions } from './upload-sessions.js';

/** The half of a registry that writes, and what it remembers between requests. */
export interface PushSide {
  repositories: WritableRepositories;
  sessions: UploadSessions;
  chunkMinBytes: number | undefined;
  maxBlobBytes: number;
  maxManifestBytes: number;
  allowSparse: boolean;
  /** What clients may have pulled, and is not stored before a push names it. */
  conversions: Conversions | undefined;
  memory: HeldMemory;
  /** Large manifests take turns: read, one takes ten times the memory of its bytes. */
  large: FairQueue;
}
