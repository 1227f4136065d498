import { Readable, type Transform } from 'node:stream';

/** A decompressing stream of node:zlib; `bytesWritten` counts the input it has consumed. */
export type Engine = Transform & { readonly bytesWritten: number };

/**
 * Yields what `engine` makes of the chunks, to their end or to where the engine stops by itself, and returns the
 * bytes it was given and did not consume: node:zlib passes over them in silence, and whether they are
 * harmless is for the caller to say.
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
  // Not `pipeline`: an engine that stops early never takes its last chunk, and it would wait for ever.
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
