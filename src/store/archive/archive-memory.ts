import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf, isDigest } from '../../content/digest.js';
import { writeFileAtomically } from '../../disk/disk.js';
import { readOwnFile } from '../../disk/own-file.js';
import { makeFolder } from '../../disk/own-folder.js';
import { isLadingError, systemCode } from '../../errors.js';
import { type FileState, formatTable, isSameState, parseTable, type TarTable } from '../../tar/table.js';

/** What was found out about an archive when it was opened. */
export interface ArchiveRecord {
  table: TarTable;
  /** See `OpeningNotes`. */
  sameHalves: string | undefined;
  /** See `ImageFiles`. */
  unattached: readonly Digest[];
}

export interface ArchiveMemoryOptions {
  /** Created when there is something to remember. */
  directory: string;
  /** Version of lading; records of other versions are ignored. */
  version: string;
  /** Archives with fewer entries are not remembered; default 1,000. */
  minEntries?: number | undefined;
  /** Returns the time in milliseconds; default `Date.now`. */
  now?: (() => number) | undefined;
}

/** The record of one archive. Failures to read or write it are ignored, and the archive is read again. */
export interface ArchiveMemory {
  readonly record: ArchiveRecord | undefined;
  remember(record: ArchiveRecord): Promise<void>;
}

/**
 * Below this number there is little to gain: opening 1,000 entries takes 0.03 s, while each file that is not cached
 * costs a disk seek.
 */
const MIN_ENTRIES = 1_000;
/** Enough for about 130,000 entries; a record is built and parsed in memory. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;
/** Estimated size of an entry in addition to its path. */
const ENTRY_BYTES = 50;
/** Limit for all records together: about thirty of archives with 20,000 entries. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** FAT stores times with a resolution of 2 s, so two changes within that time may look like one. */
const SETTLED_MS = 3_000;

/** Looks up the record of the archive at `path` in its current state. */
export async function recallArchive(
  path: string,
  { directory, version, minEntries = MIN_ENTRIES, now = Date.now }: ArchiveMemoryOptions,
): Promise<ArchiveMemory> {
  const lookedAt = now();
  const state = await stateOf(path);
  if (state === undefined) return { record: undefined, remember: async () => undefined };
  const file = join(directory, `${state.dev}-${state.ino}`);
  const known = await readRecord(file, version);
  const record = known !== undefined && isSameState(known.table.file, state) ? known : undefined;
  return {
    record,
    async remember(found) {
      const { entries, file: foundIn } = found.table;
      if (!isSameState(foundIn, state) || lookedAt - changedAt(state) < SETTLED_MS) return;
      if (entries.length < minEntries || isTooLarge(entries)) return;
      if (record !== undefined && saysTheSame(found, record)) return;
      await writeRecord(directory, file, formatRecord(found, version));
    },
  };
}

async function stateOf(path: string): Promise<FileState | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined; // opening the file gives the error
  }
}

/** Returns the time of the last change in milliseconds. */
function changedAt({ mtimeNs, ctimeNs }: FileState): number {
  return Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n);
}

function isTooLarge(entries: TarTable['entries']): boolean {
  return entries.reduce((bytes, { path }) => bytes + path.length + ENTRY_BYTES, 0) > MAX_RECORD_BYTES;
}

function saysTheSame(found: ArchiveRecord, known: ArchiveRecord): boolean {
  return (
    found.table === known.table &&
    found.sameHalves === known.sameHalves &&
    found.unattached.length === known.unattached.length
  );
}

async function writeRecord(directory: string, file: string, bytes: Buffer): Promise<void> {
  if (bytes.byteLength > MAX_RECORD_BYTES) return;
  try {
    await makeFolder(directory, 0o700);
    await writeFileAtomically(file, bytes, { mode: 0o600 });
    await removeOldest(directory);
  } catch (error) {
    if (!isLadingError(error) && systemCode(error) === undefined) throw error;
  }
}

/** Removes the oldest records. Other files in the folder are kept, because it may not belong to lading alone. */
async function removeOldest(directory: string): Promise<void> {
  const files: { path: string; size: number; mtimeMs: number }[] = [];
  for (const name of await readdir(directory)) {
    if (!RECORD.test(name)) continue;
    const path = join(directory, name);
    const { size, mtimeMs } = await lstat(path);
    files.push({ path, size, mtimeMs });
  }
  files.sort((a, b) => b.mtimeMs - a.mtimeMs);
  let bytes = 0;
  for (const { path, size } of files) {
    bytes += size;
    if (bytes > MAX_DIRECTORY_BYTES) await rm(path, { force: true });
  }
}

/** Name of a record: device and inode, plus a suffix `.tmp` while it is written. */
const RECORD = /^\d+-\d+(?:\..*\.tmp)?$/;

async function readRecord(file: string, version: string): Promise<ArchiveRecord | undefined> {
  try {
    const bytes = await readOwnFile(file, MAX_RECORD_BYTES);
    return bytes && parseRecord(bytes, version);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** Formats a record: a line with the version and a checksum, then JSON. */
function formatRecord({ table, sameHalves, unattached }: ArchiveRecord, version: string): Buffer {
  const body = Buffer.from(JSON.stringify({ table: formatTable(table), sameHalves, unattached }));
  return Buffer.concat([headOf(body, version), body]);
}

function parseRecord(bytes: Buffer, version: string): ArchiveRecord | undefined {
  const body = bytes.subarray(bytes.indexOf('\n') + 1);
  if (!bytes.subarray(0, bytes.byteLength - body.byteLength).equals(headOf(body, version))) return undefined;
  const document: unknown = JSON.parse(body.toString('utf8'));
  if (typeof document !== 'object' || document === null) return undefined;
  const { table, sameHalves, unattached }: Record<string, unknown> = { ...document };
  const parsed = parseTable(table);
  if (parsed === undefined || !Array.isArray(unattached) || !unattached.every(isDigest)) return undefined;
  return { table: parsed, sameHalves: typeof sameHalves === 'string' ? sameHalves : undefined, unattached };
}

function headOf(body: Buffer, version: string): Buffer {
  return Buffer.from(`lading ${version}, archive, ${digestOf(body)}\n`);
}
