import type { LockDifference } from '../index.js';
import { formatTable, plural } from './format.js';

/** Describes what has changed since a lock: a line for each image, and a sum. */
export function describeDifference(difference: LockDifference): string {
  const { moved, added, gone, attachments, unchanged } = difference;
  const rows = [
    ...moved.map(({ name, from, to, addedPlatforms, gonePlatforms }) => [
      'moved',
      name,
      `${from} -> ${to}${changes(addedPlatforms, gonePlatforms)}`,
    ]),
    ...added.map(({ name, digest }) => ['added', name, digest]),
    ...gone.map(({ name, digest }) => ['gone', name, digest]),
    ...attachments.map((each) => ['attached', each.name, changes(each.added, each.gone).trim()]),
  ];
  const sum = [
    ...(moved.length > 0 ? [`${moved.length} moved`] : []),
    ...(added.length > 0 ? [`${added.length} added`] : []),
    ...(gone.length > 0 ? [`${gone.length} gone`] : []),
    ...(attachments.length > 0 ? [`${plural(attachments.length, 'image')} with other attachments`] : []),
    `${unchanged} unchanged`,
  ];
  return `${formatTable(rows)}since the lock: ${sum.join(', ')}\n`;
}

function changes(added: readonly string[], gone: readonly string[]): string {
  const parts = [...added.map((one) => `+${one}`), ...gone.map((one) => `-${one}`)];
  return parts.length === 0 ? '' : ` ${parts.join(' ')}`;
}
