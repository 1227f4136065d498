import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, rename, utimes } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LadingError, systemCode } from '../errors.js';
import { ifThere, isOwn, requireOwnFile } from './own-file.js';
import { hasEnded, nameOfProcess, PROCESS_NAME } from './process-start.js';

/** A holder on another machine counts as dead if it has not touched the file for this long. */
const STALE_MS = 30_000;
const SIGN_MS = 10_000;
/**
 * How many times to look for the file while other processes rename it, and by how much to lengthen the pause after each
 * look.
 */
const TRIES = 8;
const PAUSE_MS = 1;

/** The exclusive right to write to a file. */
export interface Turn {
  /** Name of the file during the turn. */
  readonly path: string;
  /** True if nobody else had a turn since the last one of this object, so that the file is as it left it. */
  readonly isNext: boolean;
  /**
   * Throws `LOCKED` if a process on another machine may have taken the file, because this process was suspended for too
   * long.
   */
  assertHeld(): void;
  /** Lets other processes take their turns. Does nothing to a file that was renamed or removed meanwhile. */
  end(): Promise<void>;
}

/**
 * A file that processes write to in turns, on one machine or on several. It is named `BASE.WRITER` plus a suffix after
 * the last writer, and `BASE.WRITER.PROCESS` plus the suffix while a process has a turn. A turn is taken and ended by a
 * rename, so only one of several processes gets it. If its process is killed, the next one that asks gets the turn.
 * This costs two system calls, where a lock beside the file would cost seventeen.
 */
export class FileInTurns {
  readonly #base: string;
  readonly #suffix: string;
  readonly #writer = randomBytes(4).toString('hex');
  readonly #names: RegExp;
  /** Path at which the file was last seen. */
  #path: string;

  /** `base` is the path of the file without writer, process and suffix. */
  constructor(base: string, suffix: string) {
    this.#base = base;
    this.#suffix = suffix;
    this.#path = this.ownPath;
    const [start, end] = [basename(base), suffix].map((text) => text.replace(/\W/g, '\\$&'));
    this.#names = new RegExp(`^${start}\\.[0-9a-f]{8}(?:\\.(${PROCESS_NAME.source}))?${end}$`);
  }

  /** Name of a file that this object created, or that had its last turn here. */
  get ownPath(): string {
    return `${this.#base}.${this.#writer}${this.#suffix}`;
  }

  /**
   * Returns the stats of the file, whichever writer has its turn, or undefined if it does not exist. Rejects with `LOCKED` if it
   * keeps changing its name.
   */
  async look(): Promise<Stats | undefined> {
    return (await ifThere(() => lstat(this.#path))) ?? (await this.#find())?.found;
  }

  /**
   * Takes a turn. Rejects with `LOCKED` while another process has one, with the system's `ENOENT` if the file does not
   * exist, and as `openOwnFile` does if another user may have created the file.
   */
  async take(): Promise<Turn> {
    const held = await this.#heldPath();
    if (await this.#takeFrom(this.ownPath, held)) return this.#turn(held, true);
    for (let tries = TRIES; tries > 0; tries--) {
      const there = await this.#find();
      if (there === undefined) throw noFile(this.#path);
      if (there.isHeld) break;
      await ifThere(() => requireOwnFile(this.#path));
      if (await this.#takeFrom(this.#path, held)) return this.#turn(held, false);
    }
    throw new LadingError('LOCKED', `another process is writing to ${this.#path}`);
  }

  /** Returns the name that the file has while this process has a turn. */
  async #heldPath(): Promise<string> {
    return `${this.#base}.${this.#writer}.${await nameOfProcess()}${this.#suffix}`;
  }

  #turn(path: string, isNext: boolean): Turn {
    this.#path = path;
    let isLost = false;
    let signAt = Date.now();
    const sign = async (): Promise<void> => {
      const now = new Date();
      try {
        await utimes(path, now, now);
        signAt = now.getTime();
      } catch (error) {
        // Other failures are ignored here; if they persist, assertHeld() throws.
        if (systemCode(error) === 'ENOENT') isLost = true;
      }
    };
    const timer = setInterval(sign, SIGN_MS).unref();
    return {
      path,
      isNext,
      assertHeld() {
        if (isLost || Date.now() - signAt >= STALE_MS)
          throw new LadingError('LOCKED', `${path} was lost to another process`);
      },
      end: async () => {
        clearInterval(timer);
        if (await this.#takeFrom(path, this.ownPath)) this.#path = this.ownPath;
      },
    };
  }

  /**
   * Looks for the file under all names that it may have, and ignores files of other users. While another process
   * renames the file, a look may find neither name, so it looks again.
   */
  async #find(): Promise<Found | undefined> {
    const folder = dirname(this.#base);
    for (let tries = TRIES; tries > 0; tries--) {
      const all = (await ifThere(() => readdir(folder))) ?? [];
      const names = all.filter((name) => this.#names.test(name));
      let isOneGone = false;
      for (const path of names.map((name) => `${folder}/${name}`)) {
        const found = await ifThere(() => lstat(path));
        if (found === undefined) isOneGone = true;
        else if (await isOwn(path, found)) return this.#foundAt(path, found);
      }
      if (!isOneGone && (names.length > 0 || tries < TRIES)) return undefined;
      await delay(PAUSE_MS * (TRIES - tries));
    }
    throw new LadingError('LOCKED', `other processes are writing to ${this.#path}`);
  }

  async #foundAt(path: string, found: Stats): Promise<Found> {
    this.#path = path;
    const [, holder] = this.#names.exec(basename(path)) ?? [];
    // If ending its own turn failed, the file still has that name.
    const isOwnTurn = path === (await this.#heldPath());
    return { found, isHeld: holder !== undefined && !isOwnTurn && !(await isLeft(holder, found)) };
  }

  /** Returns false if the file does not have the name `path` any more. */
  async #takeFrom(path: string, to: string): Promise<boolean> {
    return (await ifThere(async () => [await rename(path, to)])) !== undefined;
  }
}

interface Found {
  found: Stats;
  isHeld: boolean;
}

/** True if the holder of a turn has died. Taking a turn counts as a sign of life, because a rename sets the ctime. */
async function isLeft(holder: string, { mtimeMs, ctimeMs }: Stats): Promise<boolean> {
  return (await hasEnded(holder)) ?? Date.now() - Math.max(mtimeMs, ctimeMs) >= STALE_MS;
}

function noFile(path: string): Error {
  return Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
}
