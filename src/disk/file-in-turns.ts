import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, rename, utimes } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LadingError, systemCode } from '../errors.js';
import { ifThere, isOwn, requireOwnFile } from './own-file.js';
import { hasEnded, nameOfProcess, PROCESS_NAME } from './process-start.js';

/** A holder on another machine that gives no sign of life for so long has died. */
const STALE_MS = 30_000;
const SIGN_MS = 10_000;
/** How often others may take or end turns between two looks, and how long the first of them are apart. */
const TRIES = 8;
const PAUSE_MS = 1;

/** The right to write to a file, which nobody else has meanwhile. */
export interface Turn {
  /** The name that the file has during the turn. */
  readonly path: string;
  /** Whether nobody else had a turn since the last one here: the file is as it was left. */
  readonly isNext: boolean;
  /** Throws `LOCKED` when another machine may have taken the file, because this process stood still for too long. */
  assertHeld(): void;
  /** Lets others have theirs. A file that has got another name meanwhile, or was removed, is left alone. */
  end(): Promise<void>;
}

/**
 * A file that processes write to in turns, on one machine or on several. Its name says who had the last turn and, while
 * somebody has one, who: `BASE.WRITER` and `BASE.WRITER.PROCESS`, with a suffix. A turn is taken and ended by a rename,
 * so that of many who want it one gets it, and that of a process that was killed goes to the next who asks. It costs
 * two calls, where a lock beside the file would cost seventeen.
 */
export class FileInTurns {
  readonly #base: string;
  readonly #suffix: string;
  readonly #writer = randomBytes(4).toString('hex');
  readonly #names: RegExp;
  /** Where the file was last. */
  #path: string;

  /** `base` is the path without what says who. */
  constructor(base: string, suffix: string) {
    this.#base = base;
    this.#suffix = suffix;
    this.#path = this.ownPath;
    const [start, end] = [basename(base), suffix].map((text) => text.replace(/\W/g, '\\$&'));
    this.#names = new RegExp(`^${start}\\.[0-9a-f]{8}(?:\\.(${PROCESS_NAME.source}))?${end}$`);
  }

  /** The name of a file that is made here, and of one that had its last turn here. */
  get ownPath(): string {
    return `${this.#base}.${this.#writer}${this.#suffix}`;
  }

  /** The file as it is, whoever has it; undefined when there is none. Rejects with `LOCKED` when it changes its name all the time. */
  async look(): Promise<Stats | undefined> {
    return (await ifThere(() => lstat(this.#path))) ?? (await this.#find())?.found;
  }

  /**
   * Rejects with `LOCKED` while somebody else has a turn, with the system's `ENOENT` when there is no such file, and as
   * `openOwnFile` does for what another user may have put there.
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

  /** The name of the file during a turn here. */
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
        // Any other failure shows when it lasts.
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
   * Looks among all names that the file may have; what other users have put there is none of them. While somebody takes
   * or ends a turn, a look may find neither name.
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
    // A turn of its own that could not be ended is over all the same.
    const isOwnTurn = path === (await this.#heldPath());
    return { found, isHeld: holder !== undefined && !isOwnTurn && !(await isLeft(holder, found)) };
  }

  /** False when the file has not this name any more. */
  async #takeFrom(path: string, to: string): Promise<boolean> {
    return (await ifThere(async () => [await rename(path, to)])) !== undefined;
  }
}

interface Found {
  found: Stats;
  isHeld: boolean;
}

/** Whether the holder of a turn has died. Taking the turn is a sign of life too: a rename sets the time of the last change. */
async function isLeft(holder: string, { mtimeMs, ctimeMs }: Stats): Promise<boolean> {
  return (await hasEnded(holder)) ?? Date.now() - Math.max(mtimeMs, ctimeMs) >= STALE_MS;
}

function noFile(path: string): Error {
  return Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
}
