import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { isManifest } from '../../../src/content/media-types.js';
import { isLadingError } from '../../../src/errors.js';
import { readLayoutIndex } from '../../../src/manifest/layout-documents.js';
import { parseManifest, successors } from '../../../src/manifest/manifest.js';
import { BucketSource } from '../../../src/store/bucket/bucket-source.js';
import { BucketStore } from '../../../src/store/bucket/bucket-store.js';
import { BucketCollector } from '../../../src/store/bucket/collect.js';
import { parseEntry } from '../../../src/store/bucket/entry.js';
import { BucketKeys } from '../../../src/store/bucket/keys.js';
import { entryName, formatLayoutIndex, nameAnnotations } from '../../../src/store/layout/layout-index.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Store } from '../../../src/store/store.js';
import { toStore } from '../../../src/transfer/to-store.js';
import { transfer } from '../../../src/transfer/transfer.js';
import { type Content, makeImage, makeIndex, makeReferrer, pushAll } from '../../support/images.js';
import { ScheduledBucket } from './scheduled-bucket.js';

const KEYS = new BucketKeys('p/');
const LOCATION = 's3://images/p';
const HOUR_MS = 3600_000;
const GRACE_MS = 24 * HOUR_MS;
/** A writer that takes longer to give its names may find that it must write something again. */
const LIFETIME_MS = 20 * HOUR_MS;
/** So young that a writer relies on it, and a collection removes it within such a writer's lifetime. */
const YOUNG_MS = 11.8 * HOUR_MS;
const NAMES = ['one:1', 'two:1', 'three:1'];
const IMAGES = 6;
const ALL = Array.from({ length: IMAGES }, (_, image) => image);
const RUNS = Number(process.env.LADING_MODEL_RUNS ?? 1000);
/** A choice from here on is something that happens to the actors instead of a request. */
const EVENTS = 995;

/** How many requests of one actor follow each other. */
const BURSTS = [1, 1, 2, 5, 12, 40];

/** What the actors of a run do: numbers say which image or name. */
interface Scenario {
  before: [image: number, name: number][];
  writers: [image: number, name: number][][];
  deleters: number[][];
  collectors: number;
  /** Images of another tool's layout, which the first name turns into names. */
  foreign: readonly number[];
  /** How old everything is when the writers begin. */
  ageMs: number;
  choices: number[];
}

const SCENARIOS: fc.Arbitrary<Scenario> = fc.record({
  before: fc.array(fc.tuple(fc.nat(IMAGES - 1), fc.nat(NAMES.length - 1)), { minLength: 1, maxLength: 3 }),
  writers: fc.array(
    fc.array(fc.tuple(fc.nat(IMAGES - 1), fc.nat(NAMES.length - 1)), { minLength: 1, maxLength: 3 }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  deleters: fc.array(fc.array(fc.nat(NAMES.length - 1), { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
  collectors: fc.integer({ min: 1, max: 2 }),
  foreign: fc.oneof(fc.constant([]), fc.uniqueArray(fc.nat(IMAGES - 1), { minLength: 1, maxLength: 4 })),
  ageMs: fc.constantFrom(2 * GRACE_MS, 2 * GRACE_MS, YOUNG_MS),
  choices: fc.array(fc.noBias(fc.nat(999)), { minLength: 300, maxLength: 300 }),
});

/** Images that share layers, an index of two of them, and one with something attached. */
async function makeImages(): Promise<Store> {
  const store = createMemoryStore();
  const images = await Promise.all(
    [0, 1, 2, 3].map((seed) =>
      makeImage({ seed, layers: [40, 50], seeds: ['common', seed % 2 === 0 ? 'even' : `own ${seed}`] }),
    ),
  );
  const [first, second] = images;
  assert.ok(first && second);
  const index = makeIndex([first, second]);
  const attached = await makeImage({ seed: 'attached', layers: [40], seeds: ['common'] });
  const referrer = makeReferrer(attached.manifest.descriptor, {
    artifactType: 'application/vnd.test',
    payload: 'a signature',
  });
  for (const { all } of [...images, index, attached, referrer] as { all: Iterable<Content> }[])
    await pushAll(store, all);
  const roots = [...images.map(({ manifest }) => manifest), index.manifest, attached.manifest];
  for (const [place, { descriptor }] of roots.entries()) await store.tag(descriptor, `image:${place}`);
  return store;
}

describe('names, blobs and collections of garbage in a bucket', () => {
  let source: Store;
  let filled: ScheduledBucket;
  before(async () => {
    source = await makeImages();
    filled = await fill(source);
  });

  it(`never lose what a name leads to, in ${RUNS} orders of their requests`, async function () {
    this.timeout(15 * 60_000);
    const seen = { removed: 0, restored: 0, kills: 0, jumps: 0, steps: 0, refused: 0 };
    const property = fc.asyncProperty(SCENARIOS, async (scenario) => {
      await play(scenario, new ScheduledBucket(filled), source, seen);
    });
    await fc.assert(property, {
      numRuns: RUNS,
      endOnFailure: true,
      interruptAfterTimeLimit: 14 * 60_000,
      markInterruptAsFailure: true,
    });
    if (process.env.LADING_MODEL_RUNS !== undefined) console.error(seen, codes);
    // The orders are worth something only if garbage was removed in many of them, also what writers relied on.
    if (RUNS >= 1000) {
      assert.ok(seen.removed > RUNS / 2, `${seen.removed} objects removed`);
      assert.ok(seen.restored > 0, 'no writer had to write anything again');
      assert.ok(seen.kills > RUNS / 20, `${seen.kills} kills`);
    }
  });
});

/** A bucket in which everything is, and is garbage: writers will find it while it is collected. */
async function fill(source: Store): Promise<ScheduledBucket> {
  const bucket = new ScheduledBucket();
  const saved = save(bucket, 'first', source, new Map(ALL.map((image) => [`old:${image}`, image])));
  while (!(await bucket.isOver())) await bucket.step(0);
  await saved;
  for (const image of ALL) bucket.objects.delete(KEYS.name(`old:${image}`));
  return bucket;
}

/** Returns another tool's index of some images. */
async function foreignIndex(source: Store, images: readonly number[], bucket: ScheduledBucket) {
  const entries = await Promise.all(
    images.map(async (image) => {
      const { origin: _, ...descriptor } = await source.resolve(`image:${image}`);
      return { ...descriptor, annotations: nameAnnotations(`foreign:${image}`) };
    }),
  );
  return { bytes: formatLayoutIndex(entries), etag: '"foreign"', modified: bucket.clock };
}

/** Saves images under names. */
async function save(
  bucket: ScheduledBucket,
  actor: string,
  source: Store,
  images: ReadonlyMap<string, number>,
  seen?: Seen,
): Promise<void> {
  const { now } = bucket;
  const store = new BucketStore(bucket.clientOf(actor), KEYS, LOCATION, { now, wait: bucket.waitOf(actor) });
  const requests = [...images].map(([name, image]) => ({ source, reference: `image:${image}`, name }));
  const destination = toStore(seen === undefined ? store : counting(store, seen));
  await transfer(requests, destination, { retries: 0, concurrency: 3 });
}

const codes = new Map<string, number>();
type Seen = Record<'removed' | 'restored' | 'kills' | 'jumps' | 'steps' | 'refused', number>;

async function play(scenario: Scenario, bucket: ScheduledBucket, source: Store, seen: Seen): Promise<void> {
  const choices = [...scenario.choices];
  let next = 0;
  let passedMs = 0;
  let hasKilled = false;
  const choose = (): number => choices[next++ % choices.length] ?? 0;

  const saving = (actor: string, images: [image: number, name: number][]): Promise<void> =>
    save(bucket, actor, source, new Map(images.map(([image, name]) => [NAMES[name] ?? '', image])), seen);
  const remove = async (actor: string, names: number[]): Promise<void> => {
    for (const name of names) await bucket.clientOf(actor).delete(KEYS.name(NAMES[name] ?? ''));
  };
  const collect = async (actor: string, waitMs = 60_000): Promise<void> => {
    const client = bucket.clientOf(actor);
    const { now } = bucket;
    const options = { graceMs: GRACE_MS, waitMs, now, ticks: now, wait: bucket.waitOf(actor) };
    for (let tries = 1; ; tries += 1) {
      try {
        const report = await new BucketCollector(new BucketSource(client, KEYS, LOCATION), options).collect();
        seen.removed += report.removed.length;
        return;
      } catch (error) {
        if (!isLadingError(error, 'LOCKED') || tries === 4) throw error;
        await options.wait(10_000);
      }
    }
  };

  /** Runs actors until none waits any more; those that are killed never end. */
  const run = async (actors: Promise<void>[], mayInterfere: boolean): Promise<void> => {
    const ended = actors.map((actor) =>
      actor.catch((error: unknown) => {
        // Late requests, lost leases and races of names are told, and nothing is lost by them.
        if (!isLadingError(error, 'LOCKED', 'TIMEOUT', 'MISSING_CONTENT', 'CONFLICT', 'NOT_FOUND'))
          throw error;
        seen.refused += 1;
        const { code } = error as { code: string };
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }),
    );
    const failed = Promise.all(ended);
    failed.catch(() => undefined);
    let actor: string | undefined;
    let burst = 0;
    let still: string | undefined;
    let checked: number | undefined;
    for (let steps = 0; !(await bucket.isOver()); steps += 1) {
      assert.ok(steps < 5000, 'the actors wait for each other');
      const choice = choose();
      if (mayInterfere && choice >= EVENTS && steps < choices.length) interfere(choice);
      else {
        // A request that removes may be on its way while others do all their work.
        const removing = bucket.actorAbout(/^DELETE p\/blobs/);
        if (steps > choices.length) still = undefined;
        else if (removing !== undefined && choice % 3 === 0) [still, burst] = [removing, 0];
        if (burst === 0) {
          // Some actors get far while others stand still.
          const waiting = bucket.actors.filter((one) => one !== still);
          actor = waiting[choice % waiting.length];
          if (choice % 32 === 1) still = undefined;
          burst = BURSTS[Math.floor(choice / 7) % BURSTS.length] ?? 1;
        }
        burst -= 1;
        await bucket.step(choice, actor);
      }
      seen.steps += 1;
      // As long as no object changes, nothing can get lost.
      if (passedMs < LIFETIME_MS && checked !== bucket.changes) {
        requireComplete(bucket);
        checked = bucket.changes;
      }
    }
    await Promise.race([failed, new Promise((resolve) => setImmediate(resolve))]);
  };
  const interfere = (choice: number): void => {
    if (choice === EVENTS && passedMs < LIFETIME_MS) {
      const { actors } = bucket;
      const victim = actors[seen.steps % actors.length];
      if (victim !== undefined) bucket.kill(victim);
      seen.kills += 1;
      hasKilled = true;
      return;
    }
    // What was young has to become old for a collection, and not yet for the writers.
    const isLong = choice === 998 || (scenario.ageMs === YOUNG_MS && passedMs === 0);
    const jumpMs = choice === 999 ? 26 * HOUR_MS : isLong ? 13 * HOUR_MS : 8 * 60_000;
    // A writer that is killed so long after it began may leave a name without its image.
    if (hasKilled && passedMs + jumpMs >= LIFETIME_MS) return;
    passedMs += jumpMs;
    bucket.clock += jumpMs;
    bucket.log.push('time passes');
    seen.jumps += 1;
  };

  if (scenario.foreign.length > 0)
    bucket.objects.set(KEYS.index, await foreignIndex(source, scenario.foreign, bucket));
  else await run([saving('second', scenario.before)], false);
  bucket.clock += scenario.ageMs;
  const actors = [
    ...scenario.writers.map((images, place) => saving(`writer ${place}`, images)),
    ...scenario.deleters.map((names, place) => remove(`deleter ${place}`, names)),
    ...Array.from({ length: scenario.collectors }, (_, place) => collect(`collector ${place}`)),
  ];
  await run(actors, true);

  // In the end, a collection that nobody disturbs leaves what names lead to, and nothing else.
  bucket.clock += 3 * GRACE_MS;
  await run([collect('last', 0)], false);
  bucket.clock += 3 * GRACE_MS;
  await run([collect('very last', 0)], false);
  const reachable = requireComplete(bucket);
  const left = [...bucket.objects].filter(([key]) => key.startsWith(KEYS.blobs));
  assert.deepEqual(left.map(([key]) => key).sort(), [...reachable].map((digest) => KEYS.blob(digest)).sort());
  for (const [key, { bytes }] of left) assert.equal(key, KEYS.blob(digestOf(bytes)));
  assert.deepEqual(
    [...bucket.objects.keys()].filter((key) => key.startsWith(KEYS.holds)),
    [],
  );
}

/** The same store, of which it is counted what it had to get again. */
function counting(store: BucketStore, seen: Seen): Store {
  const hold = store.hold.bind(store);
  store.hold = async (...args) => {
    const removed = await hold(...args);
    seen.restored += removed.length;
    return removed;
  };
  return store;
}

/** What the content of the model needs, read once: it never changes under its digest. */
const needs = new Map<string, readonly Descriptor[]>();
const digests = new WeakMap<Buffer, Descriptor['digest']>();
const entries = new WeakMap<Buffer, Descriptor>();

function remembered<K, V>(
  known: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  make: () => V,
): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

/** Follows every name without requests, and requires everything that it finds to be there. Returns what it found. */
function requireComplete(bucket: ScheduledBucket): Set<Descriptor['digest']> {
  const found = new Set<Descriptor['digest']>();
  const require = (descriptor: Descriptor, name: string): void => {
    const { digest, mediaType } = descriptor;
    if (found.has(digest)) return;
    found.add(digest);
    const object = bucket.objects.get(KEYS.blob(digest));
    if (object === undefined)
      assert.fail(`${name} has lost ${digest} (${mediaType})\n${bucket.log.slice(-150).join('\n')}`);
    const { bytes } = object;
    assert.equal(
      remembered(digests, bytes, () => digestOf(bytes)),
      digest,
    );
    const needed = remembered(needs, `${digest} ${mediaType}`, () => {
      if (!isManifest(mediaType)) return [];
      const { manifests, blobs } = successors(parseManifest(bytes, descriptor));
      return [...manifests, ...blobs];
    });
    for (const each of needed) require(each, name);
  };
  const entryOf = (bytes: Buffer, key: string): Descriptor =>
    remembered(entries, bytes, () => parseEntry(bytes, key));
  const names = new Set<string>();
  for (const [key, { bytes }] of bucket.objects) {
    const name = KEYS.nameIn(key);
    if (name === undefined) continue;
    names.add(name);
    require(entryOf(bytes, key), name);
  }
  const index = bucket.objects.get(KEYS.index);
  if (index !== undefined) {
    const isIndexed = names.size === 0 || [...bucket.objects.keys()].some((key) => KEYS.isAdoption(key));
    for (const entry of readLayoutIndex(index.bytes, KEYS.index).entries) {
      const name = entryName(entry) ?? '';
      const isThere = isIndexed || bucket.objects.has(KEYS.name(name));
      assert.ok(isThere, `${name} is no name any more\n${bucket.log.slice(-150).join('\n')}`);
      require(entry, name);
    }
  }
  for (const [key, { bytes }] of bucket.objects) {
    if (!key.startsWith(KEYS.attachments())) continue;
    const subject = KEYS.subjectIn(key);
    if (subject !== undefined && found.has(subject))
      require(entryOf(bytes, key), `what is attached to ${subject}`);
  }
  return found;
}
