import { createGunzip } from 'node:zlib';
import { messageOf, systemCode } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { Garbage } from './garbage.js';
import { runEngine } from './node-engine.js';
import { corrupt, endsEarly } from './problems.js';

// Deflate expands by at most 1032 times, so one push returns at most 33 MiB. Larger slices would be 2 % faster.
const SLICE = 32 * 1024;
const OUTPUT_UNIT = 256 * 1024;
// Constants of zlib. They are not imported from zlib-sync because it may not be installed.
const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_SYNC_FLUSH = 2;

/**
 * The number of inflaters of zlib-sync that one thread creates; then node:zlib is used. zlib-sync never frees the 40 KB
 * of an inflater, because its class has no destructor (in 3200 runs, RSS grew by 0.1 MB for every two layers). A
 * command needs fewer than this, but a server runs for months.
 */
const MAX_INFLATERS = 1000;
let inflaters = 0;

/** The part of zlib-sync that is used here. Its own types are not imported because it may not be installed. */
interface Inflate {
  readonly result: Uint8Array | string | null;
  readonly msg: string | null;
  readonly err: number;
  push(input: Buffer, flush: number): void;
}

type InflateClass = new (options: { windowBits: number; chunkSize: number }) => Inflate;

export interface GunzipOptions {
  /** Opens the source again, from its first byte. */
  reopen: () => Promise<ByteSource>;
  /** Called if zeros follow the last member. */
  onPadding?: (() => void) | undefined;
}

/**
 * Decompresses one or more gzip members; zeros may follow the last. Uses zlib-sync if it is installed, which is 1.1 to
 * 1.5 times as fast as node:zlib, but stops at the end of the first member without saying how much it read. If bytes
 * follow there, the source is reopened and read with node:zlib, without the output that was already yielded.
 */
export async function* gunzip(
  source: ByteSource,
  name: string,
  { reopen, onPadding }: GunzipOptions,
): AsyncGenerator<Buffer> {
  const inflateClass = await loadInflate();
  if (inflateClass === undefined) return yield* gunzipByNode(source, name, onPadding);
  let givenOut = 0;
  const member = inflateMember(new inflateClass({ windowBits: 31, chunkSize: OUTPUT_UNIT }), source, name);
  for (let step = await member.next(); ; step = await member.next()) {
    if (step.done === true) {
      if (step.value === 'whole') return;
      break;
    }
    givenOut += step.value.length;
    yield step.value;
  }
  yield* withoutFirst(gunzipByNode(await reopen(), name, onPadding), givenOut);
}

/**
 * Returns the inflater of zlib-sync, or undefined if the package is not installed, has no binary for this machine, or
 * has been used `MAX_INFLATERS` times.
 */
async function loadInflate(): Promise<InflateClass | undefined> {
  if (inflaters >= MAX_INFLATERS) return undefined;
  try {
    // The package is CommonJS: named imports pass the type check, but are undefined at run time.
    const { default: zlibSync }: { default: { Inflate: InflateClass } } = await import(
      'zlib-sync' as string // `as string`: the compiler must not look for its types
    );
    inflaters += 1;
    return zlibSync.Inflate;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND' || code === 'ERR_DLOPEN_FAILED')
      return undefined;
    throw error;
  }
}

/**
 * Decompresses the first member. The last byte of the source is pushed alone: if the member ends before that byte, more
 * bytes follow it.
 */
async function* inflateMember(
  inflate: Inflate,
  source: ByteSource,
  name: string,
): AsyncGenerator<Buffer, 'whole' | 'more follows'> {
  const garbage = new Garbage();
  let chunk = await source.next();
  while (chunk !== undefined) {
    const following = await source.next();
    const body = following === undefined ? chunk.subarray(0, -1) : chunk;
    for (let start = 0; start < body.length; start += SLICE) {
      const output = push(inflate, body.subarray(start, start + SLICE), name);
      garbage.add(output.length);
      if (output.length > 0) yield output;
      if (inflate.err === Z_STREAM_END) return 'more follows';
    }
    if (following === undefined) {
      const output = push(inflate, chunk.subarray(-1), name);
      if (output.length > 0) yield output;
      if (inflate.err === Z_STREAM_END) return 'whole';
    }
    chunk = following;
  }
  throw endsEarly(name, 'gzip');
}

function push(inflate: Inflate, input: Buffer, name: string): Buffer {
  inflate.push(input, Z_SYNC_FLUSH);
  if (inflate.err !== Z_OK && inflate.err !== Z_STREAM_END) {
    throw corrupt(name, 'gzip', inflate.msg ?? `zlib error ${inflate.err}`);
  }
  const { result } = inflate;
  if (!(result instanceof Uint8Array)) throw corrupt(name, 'gzip', 'zlib returned no output');
  return Buffer.isBuffer(result) ? result : Buffer.from(result);
}

async function* gunzipByNode(
  source: ByteSource,
  name: string,
  onPadding: (() => void) | undefined,
): AsyncGenerator<Buffer> {
  const gunzipEngine = createGunzip({ chunkSize: OUTPUT_UNIT });
  let unread: Buffer[];
  try {
    unread = yield* runEngine(gunzipEngine, () => source.next());
  } catch (error) {
    const code = systemCode(error);
    if (code === 'Z_BUF_ERROR') throw endsEarly(name, 'gzip', error);
    if (code?.startsWith('Z_')) throw corrupt(name, 'gzip', messageOf(error), error);
    throw error;
  }
  let isPadded = false;
  for (let rest = unread.shift(); rest !== undefined; rest = unread.shift() ?? (await source.next())) {
    if (rest.some((byte) => byte !== 0)) throw corrupt(name, 'gzip', 'other data follows it');
    isPadded ||= rest.length > 0;
  }
  if (isPadded) onPadding?.();
}

async function* withoutFirst(chunks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.min(chunk.length, Math.max(0, count - passed)));
    passed += chunk.length;
    if (wanted.length > 0) yield wanted;
  }
}
