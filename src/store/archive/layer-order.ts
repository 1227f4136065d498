import type { Digest } from '../../content/digest.js';
import type { TarAppender } from './tar-appender.js';

/** A layer that has no entry in the archive yet. */
export interface Turn {
  /** Position where it is written or will be; undefined if it has no place, or another layer needed it. */
  body?: number | undefined;
  /** Expected size of its plain form; undefined if nothing is known. */
  size?: number | undefined;
  /** True if it became larger than expected: what it expects of itself is not believed again. */
  isOutgrown?: boolean;
  /** Stops the writing of a layer whose place another one needs. */
  discarding: AbortController;
  /** Resolves when nothing is written any more. */
  writing?: Promise<unknown>;
}

/**
 * The order of the layers in an archive. A layer may be written before those in front of it are finished, as soon as it
 * is known how large they will be. Such an expectation can be wrong: if a layer becomes larger, those behind it lose
 * their places and are written again; if it becomes smaller or has no entry, they are moved.
 */
export class LayerOrder {
  readonly #tar: Pick<TarAppender, 'nextBody' | 'bodyAfter'>;
  readonly #atOnce: number;
  readonly #byDigest = new Map<Digest, Turn>();
  /** In the order of the archive. */
  readonly #turns: Turn[] = [];
  #busy = 0;
  #waiting: (() => void)[] = [];

  /** So many layers are written at once, at most. */
  constructor(tar: Pick<TarAppender, 'nextBody' | 'bodyAfter'>, atOnce: number) {
    this.#tar = tar;
    this.#atOnce = atOnce;
  }

  /** Returns the turn of a layer; a layer that has none is the last. */
  turnOf(digest: Digest): { turn: Turn; isNew: boolean } {
    const known = this.#byDigest.get(digest);
    if (known !== undefined && this.#turns.includes(known)) return { turn: known, isNew: false };
    const turn: Turn = { discarding: new AbortController() };
    this.#byDigest.set(digest, turn);
    this.#turns.push(turn);
    return { turn, isNew: true };
  }

  /** True if other layers come after this one, which may want to know its size. */
  hasFollowers(turn: Turn): boolean {
    return this.#turns.at(-1) !== turn;
  }

  /** Waits until a layer has a place and may be written there; returns the position of its content. */
  async begin(turn: Turn, signal: AbortSignal | undefined): Promise<number> {
    return this.#until(signal, () => {
      if (this.#busy >= this.#atOnce) return undefined;
      const body = this.#placeOf(turn);
      if (body === undefined) return undefined;
      this.#busy += 1;
      turn.body = body;
      turn.discarding = new AbortController();
      return body;
    });
  }

  /** Ends what `begin` began. */
  end(): void {
    this.#busy -= 1;
    this.#changed();
  }

  /** Waits until all layers in front have entries. Returns false if the layer has lost its place meanwhile. */
  async isNext(turn: Turn, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#until(signal, () => {
      if (turn.body === undefined) return false;
      return this.#turns[0] === turn ? true : undefined;
    });
  }

  /** States how large the plain form of a layer will be. */
  expect(turn: Turn, size: number): void {
    turn.size = size;
    this.#changed();
  }

  /** Takes their places from all layers behind one that becomes larger than expected. */
  async outgrow(turn: Turn): Promise<void> {
    turn.size = undefined;
    turn.isOutgrown = true;
    const behind = this.#turns.slice(this.#turns.indexOf(turn) + 1);
    for (const other of behind) {
      other.body = undefined;
      other.discarding.abort();
    }
    this.#changed();
    await Promise.all(behind.map(({ writing }) => writing));
  }

  /** Nobody waits for this layer any more: it has its entry, or will not have one. */
  remove(turn: Turn): void {
    const index = this.#turns.indexOf(turn);
    if (index >= 0) this.#turns.splice(index, 1);
    this.#changed();
  }

  /** Returns the place of a layer, if all those in front are where they should be and their sizes are known. */
  #placeOf(turn: Turn): number | undefined {
    let body = this.#tar.nextBody;
    for (const other of this.#turns) {
      if (other === turn) return body;
      if (other.body !== body || other.size === undefined) return undefined;
      body = this.#tar.bodyAfter(body, other.size);
    }
    return undefined;
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits until `condition` gives a value, and returns it. */
  async #until<T>(signal: AbortSignal | undefined, condition: () => T | undefined): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      const value = condition();
      if (value !== undefined) return value;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        signal?.addEventListener('abort', wake, { once: true });
        this.#waiting.push(wake);
      });
    }
  }
}
