import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { measure } from '../measure.js';
import type { Contestant, Row, World } from '../row.js';

export const verifyRows: readonly Row[] = [
  {
    name: 'verify-layout',
    work: 'hash everything in a layout',
    goals: [{ type: 'ratio', atMost: 1.15 }],
    contestants: async (world, folder) => {
      const { layout } = await saved(world, folder);
      return [hashing(layout), sums(layout)];
    },
  },
  {
    name: 'verify-archive',
    work: 'hash everything in an archive',
    goals: [{ type: 'ratio', atMost: 1.15 }],
    contestants: async (world, folder) => {
      const { archive, layout } = await saved(world, folder);
      return [hashing(archive), { ...sums(layout), note: 'over the same blobs in files of their own' }];
    },
  },
  {
    name: 'verify-diff-ids',
    work: 'verify an archive, layers decompressed',
    goals: [{ type: 'ratio', atMost: 1.1, of: 'sha256sum' }],
    contestants: async (world, folder) => {
      const { archive, layout } = await saved(world, folder);
      return [
        { tool: 'lading', command: (lading) => [...lading, 'verify', archive] },
        {
          tool: 'sha256sum',
          command: (sha256sum) =>
            onAllCores(
              layout,
              `${sha256sum.join(' ')} "$0" && { gzip -dcq "$0" || true; } | ${sha256sum.join(' ')}`,
            ),
          note: 'each blob twice, as it is and through gzip -d, one process a core',
        },
        {
          tool: 'crane',
          command: (crane) => [...crane, 'validate', '--tarball', archive],
          note: "only what Docker's half names",
          runs: 1,
        },
      ];
    },
  },
];

function hashing(path: string): Contestant {
  return {
    tool: 'lading',
    command: (lading) => [...lading, 'verify', '--no-diff-ids', path],
    note: '--no-diff-ids',
  };
}

function sums(layout: string): Contestant {
  return {
    tool: 'sha256sum',
    command: (sha256sum) => onAllCores(layout, `exec ${sha256sum.join(' ')} "$0"`),
    note: 'one process a core',
  };
}

/** Runs a script for each blob, the largest first, with its path as `$0`. */
function onAllCores(layout: string, script: string): string[] {
  const blobs = join(layout, 'blobs', 'sha256');
  const each = `xargs -d '\\n' -n 1 -P ${availableParallelism()} sh -c '${script}'`;
  return ['sh', '-c', `cd '${blobs}' && ls -S | ${each}`];
}

async function saved(
  { registry, images, tools, env }: World,
  folder: string,
): Promise<{ archive: string; layout: string }> {
  const lading = tools.get('lading')?.command ?? [];
  const archive = join(folder, 'image.tar');
  const layout = join(folder, 'layout');
  for (const output of [archive, `${layout}/`])
    await measure([...lading, 'save', `${registry}/${images.large}`, '-o', output], env, folder);
  return { archive, layout };
}
