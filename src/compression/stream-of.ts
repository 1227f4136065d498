import { Readable } from 'node:stream';

const READ_AHEAD = 512 * 1024;

/**
 * Makes a stream of a generator. When the stream is destroyed, it calls `release` before it waits for the generator,
 * which may be waiting for its source; `Readable.from` could wait forever.
 */
export function streamOf(chunks: AsyncGenerator<Buffer>, release: () => void): Readable {
  return new Readable({
    highWaterMark: READ_AHEAD,
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      release();
      chunks.return(undefined).then(
        () => callback(error),
        (returnError) => callback(error ?? returnError),
      );
    },
  });
}
