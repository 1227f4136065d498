import { Connection } from './connection.js';
import type { Line } from './line.js';
import type { Piece } from './piece.js';
import type { PieceQueue } from './piece-queue.js';
import { Meter, type Reading, Trial } from './trial.js';

/**
 * `one`: over one connection, which is measured. `trying`: a second one has begun with later bytes. `several`: in pieces.
 * `last`: with the connections that there are, to the end.
 */
type Phase = 'one' | 'trying' | 'several' | 'last';

export interface PhasesOptions {
  line: Line;
  registry: string;
  queue: PieceQueue;
  /** What the transfer has received, and how long it had to wait for its reader. */
  progress(): Pick<Reading, 'bytes' | 'pausedMs'>;
  /** Starts another connection: with this piece, or with the next ones. */
  start(connection: Connection, piece?: Piece): void;
  /** Called when the blob comes in pieces from here on. */
  onSeveral(): void;
  /** Called when a second connection has added nothing. */
  onVain(): void;
}

interface RunningTrial {
  judge: Trial;
  /** What the first connection fetches. */
  before: Piece;
  /** The second connection. */
  connection: Connection;
}

const MAX_TRIALS = 3;
/** Fewer pieces are not worth the requests. */
const MIN_PIECES = 3;
/** A trial may last so many intervals; as much as the first connection receives meanwhile, the second one may hold. */
const TRIAL_INTERVALS = 5;

/** Decides over how many connections a blob comes, by what they receive. */
export class Phases {
  readonly #options: PhasesOptions;
  readonly #line: Line;
  #current: Phase = 'one';
  #isRefused = false;
  #meter: Meter;
  #trial: RunningTrial | undefined;
  #trials = 0;

  constructor(options: PhasesOptions) {
    this.#options = options;
    this.#line = options.line;
    this.#meter = new Meter(options.line.limits.intervalMs);
  }

  get current(): Phase {
    return this.#current;
  }

  /** True if the server has refused a range. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Takes note of bytes of one of so many connections, and may change where the pieces end. */
  arrived(connection: Connection, connections: number): void {
    if (this.#current === 'one' && connections === 1) this.#consider();
    else if (this.#trial !== undefined) this.#judge(this.#trial, connection);
  }

  /** Measures the connection that is left. */
  measureAgain(): void {
    this.#current = this.#trials < MAX_TRIALS ? 'one' : 'last';
    this.#meter = new Meter(this.#line.limits.intervalMs);
  }

  refused(): void {
    this.#isRefused = true;
    if (this.#current !== 'trying') this.#current = 'last';
  }

  /** Takes note of a connection that has failed. */
  lost(connection: Connection): void {
    if (connection === this.#trial?.connection) this.#takeBack(this.#trial);
  }

  end(): void {
    this.#endTrial();
  }

  /** Begins with other connections, or with a trial of a second one, where the first is the limit. */
  #consider(): void {
    const { limits } = this.#line;
    const piece = this.#options.queue.last;
    const rates = this.#meter.read(this.#reading());
    if (rates === undefined || rates.own > limits.narrowBytesPerSecond || piece === undefined) return;
    if (this.#line.share < 2) return;
    const left = piece.end - piece.position;
    const finding = this.#line.findingOf(this.#options.registry);
    if (finding === 'refuses') this.#current = 'last';
    else if (finding === 'narrow') {
      if (left < limits.pieceBytes * MIN_PIECES) return;
      const place = this.#line.takePlace();
      if (place !== undefined) this.#begin(new Connection(place));
    } else if (left >= limits.minBytes && this.#line.mayTry) {
      const wished = Math.max(limits.pieceBytes, (rates.own * limits.intervalMs * TRIAL_INTERVALS) / 1000);
      const ahead = Math.floor(Math.min(wished, limits.trialBytes, left / 2));
      const place = this.#line.takePlace();
      if (place === undefined) return;
      if (this.#line.takeWindow(ahead))
        this.#try(new Connection(place), new Trial(rates, limits.intervalMs), piece, ahead);
      else place.giveBack();
    }
  }

  /** The first connection goes on with `ahead` bytes of its piece, and the second one has everything after them. */
  #try(connection: Connection, judge: Trial, before: Piece, ahead: number): void {
    const { end } = before;
    before.end = before.position + ahead;
    const piece = this.#options.queue.add(end, ahead);
    this.#current = 'trying';
    this.#line.isTrying = true;
    this.#trials++;
    this.#trial = { judge, before, connection };
    this.#options.start(connection, piece);
  }

  #judge(trial: RunningTrial, connection: Connection): void {
    const { judge, before, connection: second } = trial;
    if (connection === second) judge.arrived(this.#line.now());
    const verdict = judge.judge(this.#reading(), { isOver: before.isWhole });
    if (verdict === undefined) return;
    if (before.isWhole && !judge.hasArrived) {
      second.stop();
      this.#takeBack(trial);
      return;
    }
    this.#endTrial();
    if (verdict === 'adds') {
      this.#line.found(this.#options.registry, 'narrow');
      this.#begin();
      return;
    }
    if (verdict === 'same') {
      this.#line.triedInVain();
      this.#options.onVain();
    }
    this.measureAgain();
  }

  /** From here on, the blob comes in pieces. The connection that had all of the rest keeps one of them. */
  #begin(connection?: Connection): void {
    const { last } = this.#options.queue;
    if (last !== undefined) last.end = Math.min(last.end, last.position + this.#line.limits.pieceBytes);
    this.#current = 'several';
    if (connection !== undefined) this.#options.start(connection);
    this.#options.onSeveral();
  }

  /** The first connection gets its bytes back, unless it has ended. */
  #takeBack({ before }: RunningTrial): void {
    this.#endTrial();
    const { first, last } = this.#options.queue;
    if (first !== last && before.isBeingFetched) this.#options.queue.removeLast();
    if (this.#isRefused) this.#current = 'last';
    else this.measureAgain();
  }

  #endTrial(): void {
    if (this.#trial !== undefined) this.#line.isTrying = false;
    this.#trial = undefined;
  }

  #reading(): Reading {
    const { now, bytes, connections } = this.#line;
    return { at: now(), total: bytes, connections, ...this.#options.progress() };
  }
}
