import { Readable } from 'node:stream';

const READ_AHEAD = 512 * 1024;

/** Unlike `Readable.from`, lets go of the source before it waits for the generator, which may be waiting for it. */
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
