import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writeSparseArchive } from '../../support/sparse-archive.js';
import { measure } from '../measure.js';
import type { Contestant, Row } from '../row.js';

/** Of a file that has just changed no table is kept: it could change again unseen. */
const SETTLED_MS = 3_500;

export const openRows: readonly Row[] = [
  {
    name: 'inspect',
    work: 'inspect one image in an archive',
    goals: [{ type: 'ratio', atMost: 0.3 }],
    contestants: async ({ registry, images, tools, env }, folder) => {
      const archive = join(folder, 'image.tar');
      const lading = tools.get('lading')?.command ?? [];
      await measure([...lading, 'save', `${registry}/${images.large}`, '-o', archive], env, folder);
      return [
        { tool: 'lading', command: (tool) => [...tool, 'inspect', archive, '--json'] },
        { tool: 'skopeo', command: (tool) => [...tool, 'inspect', `oci-archive:${archive}`] },
      ];
    },
  },
  {
    name: 'open-100gb',
    work: 'inspect one of 500 images in an archive of 100 GB with 20,000 blobs (layers are holes)',
    goals: [{ type: 'seconds', atMost: 1 }],
    // A file has no place for a table of what was found: every opening is the first.
    contestants: (_, folder) => inspectLarge(folder, ({ archive }) => archive),
  },
  {
    name: 'open-100gb-again',
    work: 'the same again, by the table that was kept',
    goals: [{ type: 'seconds', atMost: 0.35 }],
    contestants: async (_, folder) => {
      const contestants = await inspectLarge(folder, () => join(folder, 'cache'));
      await setTimeout(SETTLED_MS);
      return contestants;
    },
  },
  {
    name: 'start',
    work: 'start (`--version`)',
    goals: [{ type: 'over', tool: 'node', seconds: 0.02 }],
    contestants: async () => [
      { tool: 'lading', command: (tool) => [...tool, '--version'] },
      { tool: 'node', command: (tool) => [...tool, '-e', '0'], note: '`-e 0`' },
      { tool: 'skopeo', command: (tool) => [...tool, '--version'] },
      { tool: 'crane', command: (tool) => [...tool, 'version'] },
      { tool: 'regctl', command: (tool) => [...tool, 'version'] },
      { tool: 'oras', command: (tool) => [...tool, 'version'] },
      { tool: 'umoci', command: (tool) => [...tool, '--version'] },
    ],
  },
];

/** Peers unpack the whole archive first: minutes, and 100 GB of disk. */
async function inspectLarge(
  folder: string,
  cacheOf: (place: { archive: string }) => string,
): Promise<Contestant[]> {
  const archive = join(folder, 'large.tar');
  const { names } = await writeSparseArchive(archive, {
    images: 500,
    layers: 38,
    bytes: 100e9,
    format: 'universal',
  });
  const cache = `XDG_CACHE_HOME=${cacheOf({ archive })}`;
  return [
    {
      tool: 'lading',
      command: (tool) => ['env', cache, ...tool, 'inspect', archive, names[250] ?? '', '--json'],
    },
  ];
}
