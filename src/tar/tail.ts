import { isTarStart } from '../content/tar-start.js';
import { AmbiguousHeader, BLOCK_SIZE, isZero } from './header.js';
import { WalkProblem } from './walk.js';
import type { ReadingWindow } from './window.js';

const STEP = 64 * 1024;

/**
 * Bytes of a file behind `end`, where the entries of its tar end; 0 when they are all zero, as the padding of tar's
 * records is. Rejects with `WalkProblem` when another header is among them: a reader that passes over zeros, such as
 * `tar --ignore-zeros`, takes more files from such an archive than others do.
 */
export async function trailingBytes(window: ReadingWindow, end: number, fileSize: number): Promise<number> {
  let isPadding = true;
  for (let position = end; position < fileSize; position += STEP) {
    const bytes = window.view(position, STEP);
    if (!isZero(bytes)) {
      isPadding = false;
      for (let start = 0; start + BLOCK_SIZE <= bytes.length; start += BLOCK_SIZE) {
        if (isHeader(bytes.subarray(start, start + BLOCK_SIZE))) throw afterTheEnd(position + start);
      }
    }
    if (window.isPauseDue()) await window.pause();
  }
  return isPadding ? 0 : fileSize - end;
}

function afterTheEnd(position: number): WalkProblem {
  const problem = 'another entry follows the end of the archive';
  return new WalkProblem(position, problem, new AmbiguousHeader(problem));
}

/** By its checksum alone: what is refused as an entry here, for its size or the way it was summed, may be one elsewhere. */
function isHeader(block: Buffer): boolean {
  return !isZero(block) && isTarStart(block);
}
