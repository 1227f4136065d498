import type { WriteStream } from 'node:tty';
import { widthOf } from './width.js';

/** Lines at the bottom of a terminal that are drawn again and again, while other text scrolls by above them. */
export interface LiveLines {
  /** Each line must be narrower than the terminal. */
  draw(lines: readonly string[]): void;
  /** Writes text and a line break above the lines. */
  above(text: string): void;
  /** Removes the lines. */
  clear(): void;
}

export type Terminal = Pick<WriteStream, 'write' | 'columns'>;

/*
 * Only sequences that the consoles of Windows know, too. The cursor is never hidden: a process that is killed could not
 * show it again.
 */
const upBy = (rows: number): string => (rows > 0 ? `\x1b[${rows}A` : '');
const CLEAR_REST_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

export function createLiveLines(terminal: Terminal): LiveLines {
  let shown: readonly string[] = [];
  let shownIn: number | undefined;
  /** Goes to the start of the lines. The cursor is behind the last one; where the terminal has been narrowed, they wrap. */
  const toStart = (): string => {
    if (shown.length === 0) return '';
    const columns = terminal.columns || 80; // some have none, and some have 0
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return `\r${upBy(rows - 1)}`;
  };
  const text = (lines: readonly string[]): string =>
    lines.map((line) => `${line}${CLEAR_REST_OF_LINE}`).join('\n');
  return {
    draw(lines) {
      const isSame = lines.length === shown.length && lines.every((line, row) => line === shown[row]);
      if (isSame && terminal.columns === shownIn) return;
      // In one write, and without clearing first, so that nothing flickers.
      terminal.write(`${toStart()}${text(lines)}${CLEAR_BELOW}`);
      shown = lines;
      shownIn = terminal.columns;
    },
    above(added) {
      const clear = shown.length > 0 ? CLEAR_BELOW : '';
      terminal.write(`${toStart()}${clear}${added}\n${text(shown)}`);
    },
    clear() {
      if (shown.length > 0) terminal.write(`${toStart()}${CLEAR_BELOW}`);
      shown = [];
    },
  };
}
