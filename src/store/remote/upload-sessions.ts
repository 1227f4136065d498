import { rm } from 'node:fs/promises';
import { writeFileAtomically } from '../../disk/disk.js';
import { readOwnFile } from '../../disk/own-file.js';
import { isLadingError, messageOf, systemCode } from '../../errors.js';
import { createTurns } from '../../in-turn.js';

/** An upload that a registry began, as it is stored for later processes. */
export interface SavedUpload {
  location: string;
  /** Bytes that the registry had confirmed; it may have more. */
  offset?: number | undefined;
  minChunkBytes?: number | undefined;
}

/**
 * Remembers uploads by a key of their content. A failure to remember must not fail the upload. Calls take effect in
 * order, even if they are not awaited.
 */
export interface UploadSessions {
  load(key: string): Promise<SavedUpload | undefined>;
  save(key: string, upload: SavedUpload): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface UploadSessionsOptions {
  /** Returns the time in milliseconds; default `Date.now`. */
  now?: (() => number) | undefined;
  /** Called once with the reason if nothing can be remembered; uploads continue without it. */
  onWarning?: ((text: string) => void) | undefined;
}

type Entry = SavedUpload & { savedAt: number };

/** Registries keep an upload for minutes to days; older ones are not resumed. */
const MAX_AGE_MS = 24 * 60 * 60_000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Remembers uploads in a file, which exists only while there are entries. Only its owner may read it, because anybody
 * who knows the locations can write to the uploads.
 */
export function createUploadSessions(path: string, options: UploadSessionsOptions = {}): UploadSessions {
  const { now = Date.now, onWarning } = options;
  const turns = createTurns<string>();
  let entries: Promise<Map<string, Entry>> | undefined;
  let isBroken = false;

  const known = () => {
    entries ??= readEntries(path, now());
    return entries;
  };
  /** `edit` returns true if there is something to write. */
  const change = (edit: (entries: Map<string, Entry>) => boolean): Promise<void> =>
    turns(path, async () => {
      if (!edit(await known()) || isBroken) return;
      try {
        const current = await readEntries(path, now()); // other processes may push at the same time
        edit(current);
        if (current.size === 0) await rm(path, { force: true });
        else await writeFileAtomically(path, formatEntries(current), { mode: 0o600 });
      } catch (error) {
        if (!isLadingError(error) && systemCode(error) === undefined) throw error;
        isBroken = true;
        onWarning?.(`an interrupted upload will start over: ${messageOf(error)}`);
      }
    });

  return {
    async load(key) {
      const entry = (await known()).get(key);
      if (entry === undefined || isOld(entry, now())) return undefined;
      const { savedAt: _, ...upload } = entry;
      return upload;
    },
    save: (key, upload) => change((current) => current.set(key, { ...upload, savedAt: now() }).has(key)),
    remove: (key) => change((current) => current.delete(key)),
  };
}

function isOld({ savedAt }: Entry, now: number): boolean {
  return savedAt > now || now - savedAt > MAX_AGE_MS;
}

function formatEntries(entries: ReadonlyMap<string, Entry>): Buffer {
  return Buffer.from(`${JSON.stringify({ uploads: Object.fromEntries(entries) }, null, 2)}\n`);
}

/**
 * Reads the valid entries. A damaged file only means that some bytes are sent again. A file of another user is ignored,
 * because its locations could lead the content elsewhere.
 */
async function readEntries(path: string, now: number): Promise<Map<string, Entry>> {
  let document: unknown;
  try {
    const bytes = await readOwnFile(path, MAX_FILE_BYTES);
    document = bytes && JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const uploads = memberOf(document, 'uploads');
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(typeof uploads === 'object' && uploads !== null ? uploads : {})) {
    const entry = parseEntry(value);
    if (entry !== undefined && !isOld(entry, now)) entries.set(key, entry);
  }
  return entries;
}

function parseEntry(value: unknown): Entry | undefined {
  const location = memberOf(value, 'location');
  const savedAt = memberOf(value, 'savedAt');
  const offset = memberOf(value, 'offset');
  const minChunkBytes = memberOf(value, 'minChunkBytes');
  if (typeof location !== 'string' || !isCount(savedAt)) return undefined;
  return {
    location,
    savedAt,
    ...(isCount(offset) ? { offset } : {}),
    ...(isCount(minChunkBytes) ? { minChunkBytes } : {}),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}
