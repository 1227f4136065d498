import { Readable, type Transform } from 'node:stream';

/** A decompressing stream of node:zlib. `bytesWritten` is the number of input bytes that it has consumed. */
export type Engine = Transform & { readonly bytesWritten: number };

/**
 * Yields the output of `engine` for the chunks that `next` returns, until they end or the engine stops by itself.
 * Returns the bytes that the engine received but did not consume. node:zlib ignores them silently; the caller has to
 * decide whether they are harmless.
 */
export async function* runEngine(
  engine: Engine,
  next: () => Promise<Buffer | undefined>,
): AsyncGenerator<Buffer, Buffer[]> {
  const given: { chunk: Buffer; end: number }[] = [];
  let offered = 0;
  async function* offer(): AsyncGenerator<Buffer> {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
      offered += chunk.length;
      given.push({ chunk, end: offered });
      while ((given[0]?.end ?? offered) < engine.bytesWritten) given.shift();
      yield chunk;
    }
  }
  const input = Readable.from(offer(), { objectMode: false });
  input.on('error', (error) => engine.destroy(error));
  // `pipeline` would wait forever, because an engine that stops early never reads its last chunk.
  input.pipe(engine);
  try {
    for await (const output of engine) yield output;
    const consumed = engine.bytesWritten;
    return given
      .filter(({ end }) => end > consumed)
      .map(({ chunk, end }) => chunk.subarray(Math.max(0, chunk.length - (end - consumed))));
  } finally {
    input.destroy();
    engine.destroy();
  }
}
