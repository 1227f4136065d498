// What only saves with locks need. Loaded lazily, all of it together: single files would split what all commands share.
export { compareLocks } from '../../lock/compare-locks.js';
export { MAX_LOCK_BYTES, parseLock } from '../../lock/parse-lock.js';
export { lockedImages } from './locked-images.js';
export { makeLock } from './make-lock.js';
export { writeLockFile } from './write-lock.js';
