import { formatPlatform, type InspectedImage, type InspectResult } from '../index.js';
import { type Column, formatColumns, LEAST_OF_NAMES } from './columns.js';
import { formatBytes } from './format.js';
import { formatAttachments, formatSum, shortDigest } from './list-table.js';

/** How much room a table has, and whether digests are whole in spite of it. */
export interface Look {
  /** Columns of the terminal; undefined where everything is shown. */
  width: number | undefined;
  digests: boolean;
}

/** Formats a digest: short on a terminal, unless whole ones are wanted. */
export function digestFor({ width, digests }: Look): (digest: string | undefined) => string {
  return width === undefined || digests ? (digest) => digest ?? '-' : shortDigest;
}

interface Row {
  name: string;
  platform: string;
  layers: string;
  size: string;
  created: string;
  digest: string | undefined;
}

/** Formats several images: a row for each platform, and the sum. */
export function formatInspected({ images, bytes }: InspectResult, look: Look): string {
  const { width } = look;
  const isWhole = width === undefined;
  // On a terminal, the name is not repeated; elsewhere, each line is for itself.
  const rows = images.flatMap((image) =>
    rowsOf(image).map((row, place) => (place === 0 || isWhole ? row : { ...row, name: '' })),
  );
  const column = (header: string, cell: (row: Row) => string): Column => ({ header, cells: rows.map(cell) });
  const table: Column[] = [
    { ...column('NAME', ({ name }) => name), cut: 'middle', least: LEAST_OF_NAMES },
    { ...column('PLATFORM', ({ platform }) => platform), cut: 'end' },
    { ...column('LAYERS', ({ layers }) => layers), align: 'right', leaveOut: 3 },
    { ...column('SIZE', ({ size }) => size), align: 'right' },
    { ...column('CREATED', ({ created }) => created), leaveOut: 2 },
    { ...column('DIGEST', ({ digest }) => digestFor(look)(digest)), leaveOut: look.digests ? undefined : 1 },
  ];
  return `${formatColumns(table, width)}${formatSum(images.length, bytes, width)}\n`;
}

function rowsOf({ name, digest, size, platforms, blobs = [], problem }: InspectedImage): Row[] {
  const none = { name, layers: '-', created: '-', size: '-', digest };
  if (problem !== undefined) return [{ ...none, platform: 'DAMAGED' }];
  const rows = [
    ...platforms.map((image) => ({
      name,
      platform: image.os === '' ? 'artifact' : formatPlatform(image),
      layers: `${image.layers.length}`,
      size: formatBytes(image.size),
      created: createdOf(image)?.slice(0, 10) ?? '-',
      digest: image.digest,
    })),
    ...blobs.map((blob) => ({
      ...none,
      platform: 'blob',
      size: formatBytes(blob.size),
      digest: blob.digest,
    })),
  ];
  return rows.length > 0 ? rows : [{ ...none, platform: '-', size: formatBytes(size) }];
}

/** Returns when the last step was made. */
export function createdOf({ history }: InspectedImage['platforms'][number]): string | undefined {
  return history.findLast(({ created }) => created !== undefined)?.created;
}

/** Formats what is attached to images: a row for each attachment, with the image or the platform that it is attached to. */
export function formatAttached({ images }: InspectResult, look: Look): string {
  const rows = images.flatMap((image) => image.attachments.map((attachment) => ({ image, attachment })));
  if (rows.length === 0) return 'nothing is attached\n';
  const isSingle = images.length === 1;
  const names: Column[] = isSingle
    ? []
    : [{ header: 'NAME', cells: rows.map(({ image }) => image.name), cut: 'middle', least: LEAST_OF_NAMES }];
  const table: Column[] = [
    ...names,
    {
      header: 'OF',
      cells: rows.map(({ image, attachment }) => subjectOf(image, attachment.subject)),
      leaveOut: 2,
    },
    { header: 'KIND', cells: rows.map(({ attachment }) => formatAttachments([attachment])) },
    {
      header: 'SIZE',
      cells: rows.map(({ attachment: { size } }) => (size === undefined ? '-' : formatBytes(size))),
      align: 'right',
    },
    {
      header: 'DIGEST',
      cells: rows.map(({ attachment }) => digestFor(look)(attachment.digest)),
      leaveOut: look.digests ? undefined : 1,
    },
    {
      header: 'TYPE',
      cells: rows.map(({ attachment: { artifactType, tag } }) => artifactType ?? tag ?? '-'),
      cut: 'middle',
      leaveOut: 3,
    },
  ];
  return formatColumns(table, look.width);
}

function subjectOf({ digest, platforms }: InspectedImage, subject: string): string {
  const platform = platforms.find((each) => each.digest === subject);
  if (platform !== undefined && platform.os !== '') return formatPlatform(platform);
  return subject === digest ? 'all platforms' : 'another platform';
}
