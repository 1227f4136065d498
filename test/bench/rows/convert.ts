import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from '../measure.js';
import type { Contestant, Row, World } from '../row.js';
import { forgetOfSkopeo } from '../skopeo-caches.js';

const REMOVING = (path: string) => () => rm(path, { recursive: true, force: true });

export const convertRows: readonly Row[] = [
  {
    name: 'convert-documents',
    work: 'schema2 → OCI from layout to layout, layers there already',
    goals: [{ type: 'seconds', atMost: 0.5 }],
    contestants: async (world, folder) => {
      const layout = join(folder, 'layout');
      await ladingConverts(world, folder, `docker://${imageOf(world)}`, `${layout}/`, 'docker');
      return [
        {
          tool: 'lading',
          // The warm-up copies the layers, the measured runs find them.
          command: (lading) => [...lading, 'convert', layout, '-o', `${folder}/lading/`, '--to', 'oci'],
        },
      ];
    },
  },
  {
    name: 'convert-schema2',
    work: 'schema2 → OCI, pulled into a layout',
    goals: [{ type: 'ratio', atMost: 1 }],
    contestants: async (world, folder) => {
      const source = `${world.registry}/bench/schema2:1`;
      await ladingConverts(world, folder, `docker://${imageOf(world)}`, `${folder}/layout/`, 'docker');
      await pushed(world, folder, join(folder, 'layout'), source);
      return toOCI(folder, `docker://${source}`);
    },
  },
  {
    name: 'convert-schema1',
    work: 'schema1 → schema2, with its layers, from a registry',
    goals: [{ type: 'ratio', atMost: 0.6 }],
    contestants: async (world, folder) => {
      const source = `docker://${world.registry}/bench/schema1:1`;
      await ladingConverts(world, folder, `docker://${imageOf(world)}`, source, 'schema1');
      return toDocker(folder, source);
    },
  },
];

function imageOf({ registry, images }: World): string {
  return `${registry}/${images.large}`;
}

/** As an OCI layout. */
function toOCI(folder: string, source: string): Contestant[] {
  return converting(folder, source, ['oci', `${folder}/lading/`], ['oci', `oci:${folder}/skopeo:1`]);
}

/** As schema2, each to the directory that it writes. */
function toDocker(folder: string, source: string): Contestant[] {
  return converting(folder, source, ['docker', `${folder}/lading/`], ['v2s2', `dir:${folder}/skopeo`]);
}

function converting(
  folder: string,
  source: string,
  [to, output]: readonly [format: string, output: string],
  [format, destination]: readonly [format: string, destination: string],
): Contestant[] {
  return [
    {
      tool: 'lading',
      command: (lading) => [...lading, 'convert', source, '-o', output, '--to', to],
      before: REMOVING(join(folder, 'lading')),
    },
    {
      tool: 'skopeo',
      command: (skopeo) => [
        ...[...skopeo, '--insecure-policy', 'copy', '--src-tls-verify=false', '--format', format],
        ...[source, destination],
      ],
      before: async () => {
        await forgetOfSkopeo();
        await REMOVING(join(folder, 'skopeo'))();
      },
    },
  ];
}

async function ladingConverts(
  { tools, env }: World,
  folder: string,
  source: string,
  output: string,
  to: 'docker' | 'schema1',
): Promise<void> {
  const lading = tools.get('lading')?.command ?? [];
  await measure([...lading, 'convert', source, '-o', output, '--to', to], env, folder);
}

async function pushed({ tools, env }: World, folder: string, layout: string, image: string): Promise<void> {
  const lading = tools.get('lading')?.command ?? [];
  await measure([...lading, 'copy', layout, `docker://${image}`], env, folder);
}
