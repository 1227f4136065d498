import { isTarStart } from '../content/tar-start.js';
import { AmbiguousHeader, BLOCK_SIZE, isZero } from './header.js';
import { WalkProblem } from './walk.js';
import type { ReadingWindow } from './window.js';

const STEP = 64 * 1024;

/**
 * Returns the number of bytes after `end`, where the entries of the tar end, or 0 if they are all zero, as the padding
 * of tar is. Rejects with `WalkProblem` if there is another header among them: tools that skip zeros, such as
 * `tar --ignore-zeros`, would read more files from the archive than others.
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

/**
 * Looks only at the checksum: other tools may accept a header that `decodeHeader` refuses for its size or signed sum.
 */
function isHeader(block: Buffer): boolean {
  return !isZero(block) && isTarStart(block);
}
