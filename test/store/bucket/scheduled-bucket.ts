import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { RegistryError } from '../../../src/errors.js';
import type { Condition, ListedObject, Part, Payload, S3Client, Upload } from '../../../src/s3/client.js';
import { BUCKET } from '../../support/fake-s3.js';

interface StoredObject {
  bytes: Buffer;
  etag: string;
  /** When it was written; HTTP gives whole seconds. */
  modified: number;
}

/** A request or a timer that waits for its turn. */
interface Pending {
  actor: string;
  what: string;
  run(): void;
  /** Of a timer: when it is over. */
  due?: number;
}

/** A signature is good for so long. (Amazon S3, "RequestTimeTooSkewed") */
const SIGNATURE_MS = 15 * 60_000;
/** Everybody polls so much more rarely, or most steps would be polls. */
const SLOWER = 5;
const PAGE = 4;

/**
 * A bucket in memory whose requests are carried out one at a time, in the order that the test chooses, and a clock that goes on
 * only when the test says so. A request that nobody has carried out yet waits, whatever happens meanwhile.
 */
export class ScheduledBucket {
  readonly objects: Map<string, StoredObject>;
  readonly #uploads = new Map<string, { key: string; parts: Map<number, StoredObject> }>();
  readonly #pending: Pending[] = [];
  readonly #killed = new Set<string>();
  /** What was done, for the report of a failure. */
  readonly log: string[] = [];
  clock = Date.UTC(2030, 0, 1);
  /** Another number after each change of the objects. */
  changes = 0;
  #serial = 0;

  /** Has the objects of another bucket, if one is given, which does not change any more. */
  constructor(before?: ScheduledBucket) {
    this.objects = new Map(before?.objects);
    this.clock = before?.clock ?? this.clock;
  }

  readonly now = (): number => this.clock;

  /** True if nobody waits for anything any more. */
  async isOver(): Promise<boolean> {
    if (this.#pending.length === 0) await settle();
    return this.#pending.length === 0;
  }

  /** The actors that wait for something. */
  get actors(): string[] {
    return [...new Set(this.#pending.map(({ actor }) => actor))];
  }

  /** Returns an actor whose next request would be this. */
  actorAbout(what: RegExp): string | undefined {
    return this.#pending.find((each) => what.test(each.what))?.actor;
  }

  /** Nothing of this actor happens any more, as if its machine had lost its power. What was sent may have been lost. */
  kill(actor: string): void {
    this.#killed.add(actor);
    this.log.push(`${actor} is killed`);
    for (let place = this.#pending.length - 1; place >= 0; place -= 1)
      if (this.#pending[place]?.actor === actor) this.#pending.splice(place, 1);
  }

  /** Carries out one of what an actor waits for, if it does, or else of what anybody does; `choice` is any whole number from 0. */
  async step(choice: number, actor?: string): Promise<void> {
    const own = this.#pending.filter((each) => each.actor === actor);
    const some = own.length > 0 ? own : this.#pending;
    const requests = some.filter(({ due }) => due === undefined);
    const timers = some.filter(({ due }) => due !== undefined).sort((a, b) => (a.due ?? 0) - (b.due ?? 0));
    // The next timer is one choice among the requests.
    const all = [...requests, ...timers.slice(0, 1)];
    const chosen = all[choice % all.length];
    if (chosen !== undefined) {
      this.#pending.splice(this.#pending.indexOf(chosen), 1);
      if (chosen.due !== undefined) this.clock = Math.max(this.clock, chosen.due);
      this.log.push(`${chosen.actor}: ${chosen.what}`);
      this.clock += 10;
      chosen.run();
    }
    await settle();
  }

  /** Returns how an actor waits for some time. */
  waitOf(actor: string): (delayMs: number) => Promise<void> {
    return (delayMs) =>
      this.#enqueue(actor, `waits ${delayMs}`, () => undefined, this.clock + delayMs * SLOWER);
  }

  clientOf(actor: string): S3Client {
    const sendOnce = <T>(what: string, run: () => T): Promise<T | 'late'> => {
      const sent = this.clock;
      return this.#enqueue(actor, what, () => (this.clock - sent > SIGNATURE_MS ? 'late' : run()));
    };
    /** A client sends what gets no answer again, with a new signature. */
    const send = async <T>(what: string, run: () => T): Promise<T> => {
      for (;;) {
        const answer = await sendOnce(what, run);
        if (answer !== 'late') return answer;
      }
    };
    const write = (key: string, bytes: Buffer, condition?: Condition): StoredObject | undefined => {
      const there = this.objects.get(key);
      if (condition?.isNew && there !== undefined) return undefined;
      if (condition?.etag !== undefined && condition.etag !== there?.etag) return undefined;
      const object = { bytes, etag: etagOf(bytes), modified: this.#seconds };
      this.objects.set(key, object);
      this.changes += 1;
      return object;
    };
    const objects = this.objects;
    const remove = (key: string): void => {
      objects.delete(key);
      this.changes += 1;
    };
    return {
      bucket: BUCKET,
      host: 'scheduled',
      head: (key) =>
        send(`HEAD ${key}`, () => {
          const found = objects.get(key);
          return found && { size: found.bytes.length, etag: found.etag, modified: found.modified };
        }),
      get: (key, { start = 0, length } = {}) =>
        send(`GET ${key}`, () => {
          const found = objects.get(key);
          if (found === undefined) return undefined;
          const part = found.bytes.subarray(start, length === undefined ? undefined : start + length);
          const { bytes, etag, modified } = found;
          const body = Readable.from([part], { objectMode: false });
          return { body, size: bytes.length, etag, modified };
        }),
      read: (key, { etag }) =>
        send(`GET ${key}`, () => {
          const found = objects.get(key);
          if (found === undefined) return undefined;
          if (etag !== undefined && etag === found.etag) return 'unchanged' as const;
          return { ...found, serverTime: this.#seconds };
        }),
      put: async (key, payload, { condition } = {}) => {
        const bytes = await bytesOf(payload);
        return send(`PUT ${key}`, () => {
          const sha256 = createHash('sha256').update(bytes).digest('hex');
          if (sha256 !== payload.sha256) throw new RegistryError('REFUSED', 'other bytes', { status: 400 });
          return write(key, bytes, condition);
        });
      },
      delete: (key, { etag } = {}) =>
        send(`DELETE ${key}`, () => {
          if (etag !== undefined && objects.get(key)?.etag !== etag) return !objects.has(key);
          remove(key);
          return true;
        }),
      // Not one step: others come between any two of them. It is not sent again after the end of the lease.
      deleteAll: async (keys) => {
        const sent = await Promise.all(
          keys.map((key) => sendOnce(`DELETE ${key}`, () => objects.delete(key))),
        );
        if (sent.includes('late')) throw new RegistryError('TIMEOUT', 'no answer came in time');
        return [];
      },
      list: (prefix, { most } = {}) => list(prefix, most),
      copy: (from, to) =>
        send(`COPY ${from}`, () => {
          const found = objects.get(from);
          return found !== undefined && write(to, found.bytes) !== undefined;
        }),
      createUpload: (key) =>
        send(`POST ${key}`, () => {
          this.#serial += 1;
          const uploadID = String(this.#serial);
          this.#uploads.set(uploadID, { key, parts: new Map() });
          return { key, uploadID };
        }),
      uploadPart: async () => Promise.reject(new Error('no blob of the model is that large')),
      uploadPartCopy: (upload, number, { from, start, length }) =>
        send(`PUT part ${number} of ${from}`, () => {
          const found = objects.get(from);
          if (found === undefined) throw new RegistryError('NOT_FOUND', 'no such key', { status: 404 });
          const bytes = found.bytes.subarray(start, start + length);
          const part = { bytes, etag: etagOf(bytes), modified: this.#seconds };
          this.#uploads.get(upload.uploadID)?.parts.set(number, part);
          return { number, size: bytes.length, etag: part.etag };
        }),
      stateOfUpload: async () => undefined,
      uploadsOf: async () => [],
      // Objects of the model are small: what is copied in parts is completed by the same actor, or never.
      async *listUploads() {},
      completeUpload: (upload: Upload, parts: readonly Part[], { condition } = {}) =>
        send(`POST parts of ${upload.key}`, () => {
          const known = this.#uploads.get(upload.uploadID)?.parts;
          const bytes = Buffer.concat(
            parts.map(({ number }) => known?.get(number)?.bytes ?? Buffer.alloc(0)),
          );
          return write(upload.key, bytes, condition) !== undefined;
        }),
      abortUpload: async ({ uploadID }) => void this.#uploads.delete(uploadID),
      presign: async (key) => new URL(`http://scheduled/${key}`),
      answerWithin: () => undefined,
      close: async () => undefined,
    };

    /** Pages are requests of their own, so that the list is not of one moment. */
    async function* list(prefix: string, most = PAGE): AsyncGenerator<ListedObject> {
      for (let after = ''; ; ) {
        const page = await send(`LIST ${prefix} after ${after}`, () =>
          [...objects]
            .filter(([key]) => key.startsWith(prefix) && key > after)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .slice(0, most)
            .map(([key, { bytes, etag, modified }]) => ({ key, size: bytes.length, etag, modified })),
        );
        yield* page;
        if (page.length < most) return;
        after = page.at(-1)?.key ?? '';
      }
    }
  }

  get #seconds(): number {
    return Math.floor(this.clock / 1000) * 1000;
  }

  #enqueue<T>(actor: string, what: string, run: () => T, due?: number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#killed.has(actor)) return;
      const carryOut = (): void => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.push({ actor, what, run: carryOut, ...(due !== undefined && { due }) });
    });
  }
}

/** Lets everybody go on until they wait again: streams need a few turns. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

async function bytesOf({ open }: Payload): Promise<Buffer> {
  const body = open();
  if (body instanceof Uint8Array) return Buffer.from(body);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
