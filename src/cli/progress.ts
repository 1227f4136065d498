import { type CopyEvent, messageOf, type OnCopyEvent, printable } from '../index.js';
import { formatBytes, plural } from './format.js';
import type { GlobalArguments } from './options.js';
import type { Output } from './output.js';

export interface Progress {
  onEvent: OnCopyEvent;
  /** Removes the progress bar. */
  end(): void;
}

/** A way to show progress. */
interface Display {
  begin(totalBytes: number): void;
  advance(bytes: number): void;
  /** Writes a line above the progress bar. */
  line(text: string): void;
  end(): void;
}

/**
 * Shows the progress of a copy: a bar on a terminal, else a line from time to time. Other events are shown as lines.
 * With `hasBar` false there is no bar, for commands that copy nothing.
 */
export async function createProgress(
  flags: GlobalArguments,
  output: Output,
  { hasBar = true }: { hasBar?: boolean } = {},
): Promise<Progress> {
  const mode = flags.quiet
    ? 'none'
    : flags.progress === 'auto'
      ? hasBar && process.stderr.isTTY
        ? 'bar'
        : 'lines'
      : flags.progress;
  if (mode === 'json') return { onEvent: (event) => tellEvent(event, output), end: () => undefined };
  const display =
    mode === 'bar' ? await createBar() : mode === 'lines' ? createLines(output) : createNothing();
  return {
    onEvent: (event) => showEvent(event, display, flags, output),
    end: () => display.end(),
  };
}

function showEvent(
  event: CopyEvent,
  display: Display,
  { quiet, verbose }: GlobalArguments,
  output: Output,
): void {
  // Names come from archives and may contain terminal control characters.
  const say = (text: string): void => (quiet ? undefined : display.line(printable(text)));
  switch (event.type) {
    case 'resolved':
      if (verbose) say(`${event.name}: ${event.descriptor.digest}`);
      break;
    case 'planned':
      say(`${plural(event.images, 'image')}, ${plural(event.blobs, 'blob')}, ${formatBytes(event.bytes)}`);
      display.begin(event.bytes);
      break;
    case 'started':
      break;
    case 'received':
      display.advance(event.bytes);
      break;
    case 'skipped':
      display.advance(event.descriptor.size);
      if (verbose) say(`${event.descriptor.digest}: already there`);
      break;
    case 'done':
      if (verbose) say(`${event.descriptor.digest}: done, ${formatBytes(event.descriptor.size)}`);
      break;
    case 'retrying':
      say(
        `attempt ${event.attempt + 1} in ${(event.delayMs / 1000).toFixed(1)} s: ${messageOf(event.error)}`,
      );
      break;
    case 'tagged':
      if (verbose) say(`${event.name}: tagged`);
      break;
    case 'failed':
      say(`${event.name}: failed`);
      break;
    case 'hashed':
      break;
    case 'waiting':
      say(`waiting for ${event.holder}, which writes to the same output`);
      break;
    case 'paced':
      if (verbose)
        say(
          `${event.registry}: ${plural(event.limit, 'small request')} at once from now on, ${PACES[event.reason]}`,
        );
      break;
    case 'connections':
      if (verbose)
        say(
          `${event.descriptor.digest}: over ${plural(event.connections, 'connection')} from now on, ${CONNECTIONS[event.reason]}`,
        );
      break;
    case 'limited':
      showLimit(event, verbose, say);
      break;
    case 'warning':
      display.end();
      output.warning(event.message, event);
      break;
  }
}

const PACES = {
  faster: 'since answers come as fast as before',
  slower: 'since answers take longer',
  refused: 'since it refuses requests',
} as const;

const CONNECTIONS = {
  narrow: 'since each is slow and a second one helped',
  total: 'since a second one did not help',
  refused: 'since the registry does not send parts of it',
  failed: 'since a connection failed',
  damaged: 'since what came over several was damaged',
} as const;

/** The remaining pulls are reported without --verbose if there are at most this many. */
const FEW_PULLS = 10;

function showLimit(
  event: Extract<CopyEvent, { type: 'limited' }>,
  verbose: boolean,
  say: (text: string) => void,
): void {
  const { registry, limit, remaining, windowSeconds } = event;
  if (remaining === undefined || (!verbose && remaining > FEW_PULLS)) return;
  const window = windowSeconds === undefined ? '' : ` for ${Math.round(windowSeconds / 3600)} h`;
  say(`${registry} allows ${remaining}${limit === undefined ? '' : ` of ${limit}`} more pulls${window}`);
}

/** Writes an event as a line of JSON. Warnings have the same format as those of the command line itself. */
function tellEvent(event: CopyEvent, output: Output): void {
  if (event.type === 'warning') output.warning(event.message, event);
  else output.event('error' in event ? { ...event, error: messageOf(event.error) } : event);
}

async function createBar(): Promise<Display> {
  const { default: cliProgress } = await import('cli-progress');
  let bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  const end = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    begin(totalBytes) {
      bar = new cliProgress.SingleBar({
        format: '{bar} {percentage}% | {value} of {total} | {duration_formatted}',
        formatValue: (value, _options, type) =>
          type === 'value' || type === 'total' ? formatBytes(value) : String(value),
        hideCursor: true,
        clearOnComplete: true,
        stream: process.stderr,
      });
      bar.start(totalBytes, 0);
    },
    advance: (bytes) => bar?.increment(bytes),
    line(text) {
      process.stderr.write(`${bar === undefined ? '' : '\r\x1b[2K'}${text}\n`);
    },
    end,
  };
}

/** Minimum time between two lines of progress. */
const LINE_INTERVAL_MS = 10_000;

function createLines(output: Output, now: () => number = Date.now): Display {
  let total = 0;
  let done = 0;
  let shownAt = now();
  return {
    begin(totalBytes) {
      total = totalBytes;
      shownAt = now();
    },
    advance(bytes) {
      done += bytes;
      if (now() - shownAt < LINE_INTERVAL_MS) return;
      shownAt = now();
      output.message(`${formatBytes(done)} of ${formatBytes(total)}`);
    },
    line: (text) => output.message(text),
    end: () => undefined,
  };
}

function createNothing(): Display {
  return { begin: () => undefined, advance: () => undefined, line: () => undefined, end: () => undefined };
}
