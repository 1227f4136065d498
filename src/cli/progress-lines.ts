import { printable } from '../index.js';
import { formatBytes, formatDuration, plural } from './format.js';
import type { ProgressState, Transfer } from './progress-state.js';
import { cutMiddle, pad, widthOf } from './width.js';

/** So many transfers have a line of their own, the largest ones. */
const MOST_TRANSFERS = 4;
/** Smaller ones are over before anybody has read their line. */
const LEAST_TRANSFER_BYTES = 1_000_000;
/** A narrower terminal shows the whole alone. */
const LEAST_WIDTH = 32;
const GAP = '  ';
const BAR = { least: 12, most: 32 };

/** A part of the line; those with the highest number are left out first where there is no room for all. */
interface Part {
  text: string;
  leaveOut: number;
  /** Whether it is a name, which says enough when its middle is missing. */
  isName?: boolean;
}

/** Returns the lines of a terminal of this size: the whole, and below it the largest transfers. */
export function progressLines(
  state: ProgressState,
  { columns, rows, now }: { columns: number; rows: number; now: number },
): string[] {
  // The last columns stay free, for the ^C that a terminal echoes behind the lines, and since some terminals go on to the
  // next line where a line fills the last column.
  const width = columns - 3;
  const { stage } = state;
  const first = fitted(partsOf(state, now), shareOf(state), width);
  if (stage.kind !== 'copying') return [first];
  const room = width < LEAST_WIDTH ? 0 : Math.max(0, Math.min(MOST_TRANSFERS, rows - 3));
  const largest = [...stage.active.values()]
    .filter(({ size, bytes }) => size >= LEAST_TRANSFER_BYTES && bytes > 0)
    .sort((a, b) => b.size - a.size || (a.digest < b.digest ? -1 : 1))
    .slice(0, room);
  return [first, ...largest.map((transfer) => transferLine(transfer, width))];
}

/** Returns the progress as a line of a log, without a bar and of any length. */
export function progressLine(state: ProgressState, now: number): string {
  return partsOf(state, now)
    .map(({ text }) => text.trim())
    .join(', ');
}

/** Returns how much of the stage is done, from 0 to 1, or undefined if its end is unknown. */
function shareOf({ stage }: ProgressState): number | undefined {
  switch (stage.kind) {
    case 'starting':
      return undefined;
    case 'reading':
      return stage.images === 0 ? undefined : (stage.found + stage.done) / (2 * stage.images);
    case 'converting':
      // Where no layer is read, only the images tell.
      return Math.min(1, Math.max(stage.done / stage.images, stage.bytes / stage.total) || 0);
    default:
      return stage.total === undefined || stage.total === 0
        ? undefined
        : Math.min(1, stage.bytes / stage.total);
  }
}

function partsOf(state: ProgressState, now: number): Part[] {
  const { stage, subject, since } = state;
  const of = subject === undefined ? [] : [{ text: printable(subject), leaveOut: 6, isName: true }];
  const elapsed = now - since;
  const waited = elapsed < 1000 ? [] : [{ text: formatDuration(elapsed), leaveOut: 5 }];
  switch (stage.kind) {
    case 'starting':
      return [{ text: 'starting', leaveOut: 0 }, ...of, ...waited];
    case 'reading':
      return [
        { text: `reading ${plural(stage.images, 'image')}`, leaveOut: 0 },
        { text: `${stage.found} found`, leaveOut: 2 },
        { text: `${stage.done} read`, leaveOut: 1 },
        ...waited,
        ...(stage.latest === undefined ? [] : [{ text: printable(stage.latest), leaveOut: 6, isName: true }]),
      ];
    case 'unpacking':
      return [{ text: 'unpacking', leaveOut: 4 }, ...bytesOf(state), ...of];
    case 'converting':
      return [{ text: 'converting', leaveOut: 4 }, ...bytesOf(state), { text: imagesOf(stage), leaveOut: 3 }];
    case 'hashing':
      return [{ text: 'verifying', leaveOut: 5 }, ...bytesOf(state), ...of];
    case 'copying':
      return [
        ...bytesOf(state),
        { text: imagesOf(stage), leaveOut: 3 },
        ...(stage.kept === 0 ? [] : [{ text: `${formatBytes(stage.kept)} already there`, leaveOut: 7 }]),
      ];
  }
}

/** Returns the percentage, the bytes, the rate and the time that is left. */
function bytesOf({ stage, rate }: ProgressState): Part[] {
  if (!('bytes' in stage)) return [];
  const { bytes, total } = stage;
  const parts: Part[] = [];
  if (total !== undefined && total > 0)
    parts.push({ text: `${String(Math.floor((bytes / total) * 100)).padStart(3)} %`, leaveOut: 0 });
  const done = total === undefined ? formatBytes(bytes) : formatBytesOf(bytes, total);
  parts.push({ text: done, leaveOut: 1 });
  const perSecond = rate.perSecond();
  if (perSecond === undefined) return parts;
  parts.push({ text: `${formatBytes(Math.round(perSecond))}/s`, leaveOut: 4 });
  if (total !== undefined && bytes < total && perSecond > 0)
    parts.push({ text: `${formatDuration(((total - bytes) / perSecond) * 1000)} left`, leaveOut: 2 });
  return parts;
}

function imagesOf({ images, done }: { images: number; done: number }): string {
  return images === 1 ? '1 image' : `${done} of ${plural(images, 'image')}`;
}

/** Formats a part of a whole; the unit is named once if both have the same one. */
function formatBytesOf(bytes: number, total: number): string {
  const [part, whole] = [formatBytes(bytes), formatBytes(total)];
  const [number, unit] = part.split(' ');
  return `${whole.endsWith(` ${unit}`) ? number : part} of ${whole}`;
}

/** Leaves out what has no room, cuts a name, and draws a bar in the room that remains. */
function fitted(parts: readonly Part[], share: number | undefined, width: number): string {
  const forBar = share === undefined ? 0 : BAR.least + GAP.length;
  let kept = parts.map((part) => {
    const others = joined(parts.filter((one) => one !== part));
    const room = width - forBar - widthOf(others) - GAP.length;
    return part.isName ? { ...part, text: cutMiddle(part.text, Math.max(LEAST_NAME, room)) } : part;
  });
  while (widthOf(joined(kept)) > width && kept.length > 1) {
    const least = kept.reduce((last, part) => (part.leaveOut > last.leaveOut ? part : last));
    kept = kept.filter((part) => part !== least);
  }
  const text = cutMiddle(joined(kept), width);
  const room = Math.min(BAR.most, width - widthOf(text) - GAP.length);
  return share === undefined || room < BAR.least ? text : `${bar(share, room)}${GAP}${text}`;
}

function joined(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join(GAP);
}

function bar(share: number, width: number): string {
  const filled = Math.round(share * (width - 2));
  return `[${'='.repeat(filled)}${' '.repeat(width - 2 - filled)}]`;
}

/** `  quay.io/org/app:1  sha256:0123456789ab     12.0 of 30.0 MB` */
function transferLine({ name, digest, bytes, size }: Transfer, width: number): string {
  const done = formatBytesOf(bytes, size).padStart(16);
  const short = digest.slice(0, digest.indexOf(':') + 13);
  const withDigest = width - GAP.length * 3 - short.length - done.length;
  const others = name === undefined || withDigest < LEAST_NAME ? [done] : [short, done];
  const room = others.length === 2 ? withDigest : width - GAP.length * 2 - done.length;
  const columns = Math.max(1, Math.min(NAME_MOST, room));
  return ['', pad(cutMiddle(printable(name ?? short), columns), columns), ...others].join(GAP);
}

/** Where a name has less room than this, its digest is left out. */
const LEAST_NAME = 24;
/** Wider terminals need not have the figures far away from the names. */
const NAME_MOST = 72;
