import { type CopyEvent, messageOf, type OnCopyEvent } from '../index.js';
import { createMessages } from './event-messages.js';
import type { GlobalArguments } from './options.js';
import type { Output } from './output.js';
import { ProgressState } from './progress-state.js';

export interface Progress {
  onEvent: OnCopyEvent;
  /** Says what the command works at from now on, if it does several things one after the other. */
  begin(subject: string): void;
}

/** Runs `work` and shows its progress meanwhile: on a terminal in its last lines, else in a line from time to time. */
export async function withProgress<T>(
  flags: GlobalArguments,
  output: Output,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const onEvent = eventsTo(output, flags);
  const mode = progressMode(flags);
  if (mode !== 'bar' && mode !== 'lines') return work({ onEvent, begin: () => undefined });
  const state = new ProgressState(Date.now);
  const shown = mode === 'bar' ? showLive(state, output) : showLines(state, output);
  try {
    return await work({
      onEvent(event) {
        state.take(event);
        onEvent(event);
      },
      begin: (subject) => state.begin(subject),
    });
  } finally {
    shown.end();
  }
}

/** Returns a function that shows events as messages, without any progress. */
export function eventsTo(output: Output, flags: GlobalArguments): OnCopyEvent {
  if (flags.progress === 'json' && !flags.quiet) return (event) => writeEvent(event, output);
  const isSilent = flags.quiet || flags.progress === 'none';
  const messageFor = createMessages(flags.verbose);
  return (event) => {
    if (event.type === 'warning') return output.warning(event.message, event);
    const message = isSilent ? undefined : messageFor(event);
    if (message !== undefined) output.message(message);
  };
}

/** Decides how progress is shown: lines that change need a terminal that has a cursor to move, and a person before it. */
export function progressMode(
  { quiet, progress }: Pick<GlobalArguments, 'quiet' | 'progress'>,
  { isTTY }: { isTTY?: boolean | undefined } = process.stderr,
  { TERM, CI }: NodeJS.ProcessEnv = process.env,
): 'bar' | 'lines' | 'json' | 'none' {
  if (quiet) return 'none';
  if (progress !== 'auto' && progress !== 'bar') return progress;
  if (isTTY !== true || TERM === 'dumb') return 'lines';
  return progress === 'auto' && CI !== undefined && CI !== '' && CI !== 'false' ? 'lines' : 'bar';
}

/** Writes an event as a line of JSON. Warnings have the same format as those of the command line itself. */
function writeEvent(event: CopyEvent, output: Output): void {
  if (event.type === 'warning') output.warning(event.message, event);
  else output.event('error' in event ? { ...event, error: messageOf(event.error) } : event);
}

/** Commands that take less time show nothing, so that nothing flashes. */
const FIRST_DRAWN_MS = 100;
const DRAWN_EVERY_MS = 100;

/** Draws the progress below everything that is written meanwhile. */
function showLive(state: ProgressState, output: Output): { end(): void } {
  const terminal = process.stderr;
  let end = (): void => clearTimeout(first);
  const begin = async (): Promise<void> => {
    // Loaded now, because most commands end before.
    const [{ createLiveLines }, { progressLines }] = await Promise.all([
      import('./live-lines.js'),
      import('./progress-lines.js'),
    ]);
    if (isOver) return;
    const live = createLiveLines(terminal);
    const draw = (): void => {
      // Some terminals have no size, and some have 0.
      const [columns, rows] = [terminal.columns || 80, terminal.rows || 24];
      live.draw(progressLines(state, { columns, rows, now: Date.now() }));
    };
    const timer = setInterval(draw, DRAWN_EVERY_MS).unref();
    const clear = (): void => live.clear();
    terminal.on('resize', draw);
    process.on('exit', clear);
    output.writeMessagesTo(live.above);
    draw();
    end = () => {
      clearInterval(timer);
      terminal.off('resize', draw);
      process.off('exit', clear);
      output.writeMessagesTo(undefined);
      live.clear();
    };
  };
  let isOver = false;
  const first = setTimeout(begin, FIRST_DRAWN_MS).unref();
  return {
    end() {
      isOver = true;
      end();
    },
  };
}

const FIRST_LINE_MS = 2_000;
const LINE_EVERY_MS = 5_000;

/** Writes a line from time to time, for logs. */
function showLines(state: ProgressState, output: Output): { end(): void } {
  let timer = setTimeout(write, FIRST_LINE_MS).unref();
  let isOver = false;
  async function write(): Promise<void> {
    const { progressLine } = await import('./progress-lines.js');
    if (isOver) return;
    output.message(progressLine(state, Date.now()));
    timer = setTimeout(write, LINE_EVERY_MS).unref();
  }
  return {
    end() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
