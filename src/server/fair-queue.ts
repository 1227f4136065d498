import { ClientCounts } from './operational/client.js';

export interface FairQueueOptions {
  /** Maximum number of running tasks. */
  concurrency: number;
  /** Maximum number of running tasks of one client; default: `concurrency`. */
  concurrencyOfClient?: number;
  /** Maximum number of waiting tasks. */
  most: number;
  /** Maximum number of waiting tasks of one client; default: `most`. */
  mostOfClient?: number;
  /** Creates the error for a task that is refused, at once or because it was displaced. */
  refuse: () => Error;
}

/** The client of a task, and its lane among the client's tasks. */
export interface Turn {
  client: string;
  lane?: string | undefined;
}

interface Waiting {
  start: () => void;
  reject: (reason: unknown) => void;
}

/**
 * Runs a limited number of tasks at once. Clients take turns, and so do the lanes of a client, however many tasks each
 * of them has. If the queue is full, the newest task of the client with the most tasks is refused in favour of a client
 * that has fewer.
 */
export class FairQueue {
  readonly #options: Required<FairQueueOptions>;
  /** Client → lane → tasks. Maps are ordered by insertion; the first key has the next turn. */
  readonly #clients = new Map<string, Map<string, Waiting[]>>();
  readonly #runningOf = new ClientCounts();
  #running = 0;
  #waiting = 0;

  constructor(options: FairQueueOptions) {
    const { concurrency, concurrencyOfClient = concurrency, most, mostOfClient = most, refuse } = options;
    this.#options = { concurrency, concurrencyOfClient, most, mostOfClient, refuse };
  }

  /** The number of waiting tasks. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Resolves with the task's result. Rejects at once if `signal` aborts before the task has started. */
  run<T>({ client, lane = '' }: Turn, task: () => Promise<T>, signal?: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#remove(client, lane, waiting);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
        start: () => {
          signal?.removeEventListener('abort', onAbort);
          task()
            .then(resolve, reject)
            .finally(() => {
              this.#running -= 1;
              this.#runningOf.remove(client);
              this.#startNext();
            });
        },
      };
      if (!this.#makesRoom(client, lane)) return reject(this.#options.refuse());
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#add(client, lane, waiting);
      this.#startNext();
    });
  }

  #startNext(): void {
    while (this.#running < this.#options.concurrency) {
      const next = this.#take();
      if (next === undefined) return;
      this.#running += 1;
      this.#runningOf.add(next.client);
      next.waiting.start();
    }
  }

  #add(client: string, lane: string, waiting: Waiting): void {
    const lanes = this.#clients.get(client) ?? new Map<string, Waiting[]>();
    this.#clients.set(client, lanes);
    const tasks = lanes.get(lane);
    if (tasks === undefined) lanes.set(lane, [waiting]);
    else tasks.push(waiting);
    this.#waiting += 1;
  }

  /** Takes the next task, and moves its client and lane to the end. */
  #take(): { client: string; waiting: Waiting } | undefined {
    for (const [client, lanes] of this.#clients) {
      if (this.#runningOf.of(client) >= this.#options.concurrencyOfClient) continue;
      for (const [lane, tasks] of lanes) {
        const waiting = tasks.shift();
        if (waiting === undefined) continue;
        this.#waiting -= 1;
        lanes.delete(lane);
        if (tasks.length > 0) lanes.set(lane, tasks);
        this.#clients.delete(client);
        if (lanes.size > 0) this.#clients.set(client, lanes);
        return { client, waiting };
      }
    }
    return undefined;
  }

  #remove(client: string, lane: string, waiting: Waiting): void {
    const lanes = this.#clients.get(client);
    const tasks = lanes?.get(lane);
    const place = tasks?.indexOf(waiting) ?? -1;
    if (lanes === undefined || tasks === undefined || place < 0) return;
    tasks.splice(place, 1);
    this.#waiting -= 1;
    if (tasks.length === 0) lanes.delete(lane);
    if (lanes.size === 0) this.#clients.delete(client);
  }

  /** Returns whether a task of this lane fits, if necessary after refusing another one. */
  #makesRoom(client: string, lane: string): boolean {
    const { concurrency, concurrencyOfClient, most, mostOfClient } = this.#options;
    const startsAtOnce = this.#running < concurrency && this.#runningOf.of(client) < concurrencyOfClient;
    if (startsAtOnce) return true;
    const own = this.#clients.get(client) ?? new Map<string, Waiting[]>();
    const ofClient = sizeOf(own);
    if (ofClient >= mostOfClient) return this.#givesWay(client, own, own.get(lane)?.length ?? 0);
    if (this.#waiting < most) return true;
    const [heaviest, lanes] = largest(this.#clients, sizeOf);
    if (heaviest === undefined || lanes === undefined || sizeOf(lanes) <= ofClient + 1) return false;
    return this.#givesWay(heaviest, lanes, -1);
  }

  /** Refuses the newest task of the longest lane, if that has at least two more than `count`. */
  #givesWay(client: string, lanes: Map<string, Waiting[]>, count: number): boolean {
    const [lane, tasks] = largest(lanes, ({ length }) => length);
    const newest = tasks?.at(-1);
    if (lane === undefined || tasks === undefined || newest === undefined) return false;
    if (tasks.length <= count + 1) return false;
    this.#remove(client, lane, newest);
    newest.reject(this.#options.refuse());
    return true;
  }
}

function sizeOf(lanes: ReadonlyMap<string, readonly Waiting[]>): number {
  let size = 0;
  for (const { length } of lanes.values()) size += length;
  return size;
}

function largest<V>(
  entries: ReadonlyMap<string, V>,
  sizeOfValue: (value: V) => number,
): [key: string, value: V] | [] {
  let found: [string, V] | [] = [];
  let most = 0;
  for (const [key, value] of entries) {
    const size = sizeOfValue(value);
    if (size <= most) continue;
    most = size;
    found = [key, value];
  }
  return found;
}
