import type { CopyEvent } from '../index.js';
import { RateMeter } from './rate-meter.js';

/** What a command does at the moment, and how far it is. */
export type Stage =
  /** Nothing can be counted yet. */
  | { kind: 'starting' }
  | { kind: 'reading'; images: number; found: number; done: number; latest: string | undefined }
  | { kind: 'unpacking'; bytes: number; total: number | undefined }
  | { kind: 'converting'; images: number; done: number; bytes: number; total: number }
  | { kind: 'hashing'; bytes: number; total: number }
  | CopyingStage;

export interface CopyingStage {
  kind: 'copying';
  images: number;
  done: number;
  bytes: number;
  total: number;
  /** Bytes that were there already, of an earlier run or of another image. */
  kept: number;
  /** What is under way, by digest. */
  active: Map<string, Transfer>;
}

export interface Transfer {
  name: string | undefined;
  digest: string;
  bytes: number;
  size: number;
}

/** Collects the events of an operation. The display reads the result from time to time. */
export class ProgressState {
  stage: Stage = { kind: 'starting' };
  /** What the command works at, if there are several such things. */
  subject: string | undefined;
  /** In milliseconds, when the stage began. */
  since: number;
  /** Of the bytes of the stage, without those that were there already. */
  readonly rate: RateMeter;
  /** Bytes of each piece of content that is at the destination: one may be reported for several repositories. */
  readonly #arrived = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.since = now();
    this.rate = new RateMeter(now);
  }

  /** Begins with another thing of the same command. */
  begin(subject: string): void {
    this.#enter({ kind: 'starting' });
    this.subject = subject;
  }

  take(event: CopyEvent): void {
    const { stage } = this;
    switch (event.type) {
      case 'reading':
        if (stage.kind === 'reading') stage.images += event.images;
        else if (stage.kind !== 'copying')
          this.#enter({ kind: 'reading', images: event.images, found: 0, done: 0, latest: undefined });
        break;
      case 'resolved':
        if (stage.kind === 'reading') Object.assign(stage, { found: stage.found + 1, latest: event.name });
        break;
      case 'read':
        if (stage.kind === 'reading') Object.assign(stage, { done: stage.done + 1, latest: event.name });
        break;
      case 'unpacked':
        if (stage.kind === 'unpacking') stage.bytes += event.bytes;
        else this.#enter({ kind: 'unpacking', bytes: event.bytes, total: event.totalBytes });
        this.rate.add(event.bytes);
        break;
      case 'converting':
        this.#enter({ kind: 'converting', images: event.images, done: 0, bytes: 0, total: event.bytes });
        break;
      case 'processed':
        if (stage.kind !== 'converting') break;
        stage.bytes += event.bytes;
        this.rate.add(event.bytes);
        break;
      case 'converted':
        if (stage.kind === 'converting') stage.done++;
        break;
      case 'hashed':
        if (stage.kind === 'hashing') stage.bytes += event.bytes;
        else this.#enter({ kind: 'hashing', bytes: event.bytes, total: event.totalBytes });
        this.rate.add(event.bytes);
        break;
      case 'planned': {
        const { images, bytes: total } = event;
        this.#arrived.clear();
        this.#enter({ kind: 'copying', images, done: 0, bytes: 0, total, kept: 0, active: new Map() });
        break;
      }
      default:
        if (stage.kind === 'copying') this.#copy(event, stage);
    }
  }

  #copy(event: CopyEvent, stage: CopyingStage): void {
    switch (event.type) {
      case 'started': {
        const { digest, size } = event.descriptor;
        stage.active.set(digest, { name: event.name, digest, bytes: 0, size });
        break;
      }
      case 'received': {
        const added = this.#arrive(stage, event.descriptor, event.bytes);
        if (event.origin === 'fetched') this.rate.add(event.bytes);
        else stage.kept += added;
        const transfer = stage.active.get(event.descriptor.digest);
        if (transfer !== undefined) transfer.bytes = Math.min(transfer.size, transfer.bytes + event.bytes);
        break;
      }
      case 'skipped':
        stage.kept += this.#arrive(stage, event.descriptor, event.descriptor.size);
        break;
      case 'done':
        this.#arrive(stage, event.descriptor, event.descriptor.size);
        stage.active.delete(event.descriptor.digest);
        break;
      case 'copied':
        stage.done++;
        break;
    }
  }

  /** Counts bytes of a piece of content up to its size, and returns how many were new. */
  #arrive(stage: CopyingStage, { digest, size }: { digest: string; size: number }, bytes: number): number {
    const before = this.#arrived.get(digest) ?? 0;
    const after = Math.min(size, before + bytes);
    this.#arrived.set(digest, after);
    stage.bytes += after - before;
    return after - before;
  }

  #enter(stage: Stage): void {
    this.stage = stage;
    this.since = this.#now();
    this.rate.reset();
  }
}
