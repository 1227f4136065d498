import type { Attachment, ListedImage, ListedImages, TotalBytes } from '../index.js';
import { type Column, formatColumns, LEAST_OF_NAMES } from './columns.js';
import { formatBytes, plural } from './format.js';

/**
 * Formats images as a table with a line for their sum. With a `width`, digests are short unless `digests` is set, and
 * the table fits.
 */
export function formatImages(
  { images, bytes }: Pick<ListedImages, 'images' | 'bytes'>,
  { width, digests = false }: { width?: number | undefined; digests?: boolean | undefined } = {},
): string {
  const isShort = width !== undefined && !digests;
  const table: Column[] = [
    { header: 'NAME', cells: images.map(({ name }) => name), cut: 'middle', least: LEAST_OF_NAMES },
    {
      header: 'PLATFORMS',
      cells: images.map(formatContent),
      short: images.map(formatShortContent),
      cut: 'end',
      leaveOut: 1,
    },
    { header: 'SIZE', cells: images.map(formatSize), align: 'right' },
    {
      header: 'DIGEST',
      cells: images.map(({ digest }) => (isShort ? shortDigest(digest) : (digest ?? '-'))),
      leaveOut: digests ? undefined : 2,
    },
    {
      header: 'ATTACHMENTS',
      cells: images.map(({ attachments }) => formatAttachments(attachments)),
      short: images.map(({ attachments: { length } }) => (length === 0 ? '-' : `${length}`)),
      leaveOut: 3,
    },
  ];
  return `${formatColumns(table, width)}${formatSum(images.length, bytes, width)}\n`;
}

/** Says what an entry is: its platforms, unless it is not an image. */
function formatContent({ platforms, artifactType, mediaType, isBlob, problem }: ListedImage): string {
  if (problem !== undefined) return 'DAMAGED';
  if (isBlob) return `blob, ${mediaType}`;
  if (platforms.length > 0) return platforms.join(',');
  return artifactType ?? '-';
}

function formatShortContent(image: ListedImage): string {
  const [first, ...others] = image.platforms;
  if (first !== undefined && others.length > 0) return `${first} +${others.length}`;
  return image.isBlob ? 'blob' : image.artifactType === undefined ? formatContent(image) : 'artifact';
}

function formatSize({ size }: ListedImage): string {
  return size === undefined ? '-' : formatBytes(size);
}

/** The first 12 digits, as docker and podman show them. */
export function shortDigest(digest: string | undefined): string {
  return digest === undefined ? '-' : digest.slice(digest.indexOf(':') + 1).slice(0, 12);
}

/** Counts attachments by their kinds, such as `signature, 2 SBOMs`. */
export function formatAttachments(attachments: readonly Attachment[]): string {
  const counts = new Map<string, number>();
  for (const { kind = 'other' } of attachments) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const words = [...counts].map(([kind, count]) =>
    kind === 'other' ? `${count} other` : count === 1 ? kind : plural(count, kind),
  );
  return words.length === 0 ? '-' : words.join(', ');
}

/** Counts images and their bytes, also without sharing, if that differs and a terminal has room for it. */
export function formatSum(
  images: number,
  { total, withoutSharing }: TotalBytes,
  width = Number.POSITIVE_INFINITY,
): string {
  const [shared, unshared] = [formatBytes(total), formatBytes(withoutSharing)];
  const sum = `${plural(images, 'image')}, ${shared}`;
  const whole = `${sum} (${unshared} without sharing)`;
  return unshared === shared || whole.length > width ? sum : whole;
}
