import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from '../measure.js';
import type { Contestant, Row, World } from '../row.js';
import { forgetOfSkopeo } from '../skopeo-caches.js';

const REMOVING = (path: string) => () => rm(path, { recursive: true, force: true });

export const convertRows: readonly Row[] = [
  {
    name: 'convert-documents',
    work: 'schema2 → OCI in a layout, layers untouched',
    goal: { type: 'seconds', atMost: 0.5 },
    contestants: async (world, folder) => {
      const layout = join(folder, 'layout');
      const index = join(folder, 'index.json');
      await ladingConverts(world, folder, `docker://${imageOf(world)}`, layout, 'docker');
      await cp(join(layout, 'index.json'), index);
      return [
        {
          tool: 'lading',
          command: (lading) => [...lading, 'convert', layout, '-o', `${layout}/`, '--to', 'oci'],
          // The layout is again what it was; blobs that are there already are what this row is about.
          before: () => cp(index, join(layout, 'index.json')),
        },
      ];
    },
  },
  {
    name: 'convert-schema2',
    work: 'schema2 → OCI, pulled into a layout',
    goal: { type: 'ratio', atMost: 1 },
    contestants: async (world, folder) => {
      const source = `${world.registry}/bench/schema2:1`;
      await ladingConverts(world, folder, `docker://${imageOf(world)}`, join(folder, 'layout'), 'docker');
      await pushed(world, folder, join(folder, 'layout'), source);
      return toOCI(folder, `docker://${source}`, `docker://${source}`);
    },
  },
  {
    name: 'convert-schema1',
    work: 'schema1 → OCI, with its layers, from a directory to a layout',
    goal: { type: 'ratio', atMost: 1 },
    contestants: async (world, folder) => {
      const layout = join(folder, 'layout');
      const directory = join(folder, 'schema1');
      const skopeo = world.tools.get('skopeo')?.command;
      if (skopeo === undefined) {
        await ladingConverts(world, folder, `docker://${imageOf(world)}`, layout, 'schema1');
        return toOCI(folder, layout, '');
      }
      await measure(
        [
          ...[...skopeo, '--insecure-policy', 'copy', '--src-tls-verify=false', '--format', 'v2s1'],
          ...[`docker://${imageOf(world)}`, `dir:${directory}`],
        ],
        world.env,
        folder,
      );
      return toOCI(folder, directory, `dir:${directory}`);
    },
  },
];

function imageOf({ registry, images }: World): string {
  return `${registry}/${images.large}`;
}

/** The same image, as each tool names it. */
function toOCI(folder: string, source: string, skopeoSource: string): Contestant[] {
  const to = (name: string) => join(folder, name);
  return [
    {
      tool: 'lading',
      command: (lading) => [...lading, 'convert', source, '-o', `${to('lading')}/`, '--to', 'oci'],
      before: REMOVING(to('lading')),
    },
    {
      tool: 'skopeo',
      command: (skopeo) => [
        ...[...skopeo, '--insecure-policy', 'copy', '--src-tls-verify=false', '--format', 'oci'],
        ...[skopeoSource, `oci:${to('skopeo')}:1`],
      ],
      before: async () => {
        await forgetOfSkopeo();
        await REMOVING(to('skopeo'))();
      },
    },
  ];
}

async function ladingConverts(
  { tools, env }: World,
  folder: string,
  source: string,
  layout: string,
  to: 'docker' | 'schema1',
): Promise<void> {
  const lading = tools.get('lading')?.command ?? [];
  await measure([...lading, 'convert', source, '-o', `${layout}/`, '--to', to], env, folder);
}

async function pushed({ tools, env }: World, folder: string, layout: string, image: string): Promise<void> {
  const lading = tools.get('lading')?.command ?? [];
  await measure([...lading, 'copy', layout, `docker://${image}`], env, folder);
}
