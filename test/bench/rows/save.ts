import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pushMany } from '../growth-images.js';
import type { Contestant, Row } from '../row.js';
import type { ToolName } from '../tools.js';

const FRESH_FOLDER = (path: string) => () => rm(path, { recursive: true, force: true });

/** Beyond so many, regctl is not faster with 60 images. */
const PROCESSES = 16;

export const saveRows: readonly Row[] = [
  {
    name: 'save-layout',
    work: 'save to a layout directory',
    goals: [{ type: 'ratio', atMost: 1 }],
    contestants: async ({ registry, images }, folder) =>
      layoutContestants(registry, images.large, folder).map(({ output, ...contestant }) => ({
        ...contestant,
        before: FRESH_FOLDER(output),
      })),
  },
  {
    name: 'save-archive',
    work: 'save to an archive that Docker and OCI tools load',
    goals: [{ type: 'ratio', atMost: 1 }],
    contestants: async ({ registry, images }, folder) => {
      const image = `${registry}/${images.large}`;
      const to = (name: string) => join(folder, `${name}.tar`);
      const contestants: Contestant[] = [
        { tool: 'lading', command: (lading) => [...lading, 'save', image, '-o', to('lading')] },
        {
          tool: 'skopeo',
          command: (skopeo) => skopeoCopy(skopeo, image, `oci-archive:${to('skopeo')}:1`),
          note: 'OCI only, by a temporary copy',
        },
        {
          tool: 'crane',
          command: (crane) => [...crane, 'pull', image, to('crane')],
          note: 'Docker only',
        },
        {
          tool: 'regctl',
          command: (regctl) => [...regctl, ...plain(registry), 'image', 'export', image, to('regctl')],
        },
      ];
      return contestants.map((contestant) => ({ ...contestant, before: FRESH_FOLDER(to(contestant.tool)) }));
    },
  },
  {
    name: 'save-docker',
    work: 'save as Docker archive with plain layers',
    goals: [{ type: 'ratio', atMost: 0.45 }],
    contestants: async ({ registry, images }, folder) => {
      const image = `${registry}/${images.large}`;
      const to = (name: string) => join(folder, `${name}.tar`);
      return [
        {
          tool: 'lading',
          command: (lading) => [...lading, 'save', image, '--format', 'docker-archive', '-o', to('lading')],
          before: FRESH_FOLDER(to('lading')),
        },
        {
          tool: 'skopeo',
          command: (skopeo) => skopeoCopy(skopeo, image, `docker-archive:${to('skopeo')}:${image}`),
          before: FRESH_FOLDER(to('skopeo')),
        },
      ];
    },
  },
  {
    name: 'save-again',
    work: 'save again, all there',
    goals: [{ type: 'seconds', atMost: 0.1 }],
    // Nothing is removed: the warm-up saves, the measured runs find it.
    contestants: async ({ registry, images }, folder) =>
      layoutContestants(registry, images.large, folder).filter(({ tool }) => tool !== 'crane'),
  },
  {
    name: 'save-wan',
    work: 'save one large image, 40 ms away, 20 MB/s a connection',
    goals: [{ type: 'ratio', atMost: 0.3 }],
    runs: 3,
    contestants: async ({ narrowRegistry, images }, folder) =>
      layoutContestants(narrowRegistry, images.large, folder).map(({ output, ...contestant }) => ({
        ...contestant,
        before: FRESH_FOLDER(output),
        // The line alone decides: 15 s for each.
        ...(contestant.tool !== 'lading' && { runs: 1 }),
      })),
  },
  {
    name: 'save-many',
    work: 'save 60 small images, 40 ms away',
    goals: [
      { type: 'ratio', atMost: 0.45, of: 'regctl' },
      { type: 'ratio', atMost: 0.06, of: 'one command' },
    ],
    contestants: ({ farRegistry, images }, folder) =>
      manyContestants(farRegistry, images.many, folder, ['lading', 'skopeo', 'crane', 'regctl']),
  },
  {
    name: 'save-many-again',
    work: 'the same 60 again, nothing changed',
    goals: [{ type: 'ratio', atMost: 0.5, of: 'regctl' }],
    contestants: async ({ farRegistry, images }, folder) =>
      (await manyContestants(farRegistry, images.many, folder, ['lading', 'regctl'])).map(
        // The warm-up saves, the measured runs find it.
        ({ before: _, ...contestant }) => contestant,
      ),
  },
  {
    name: 'save-500',
    work: 'save 500 small images, 40 ms away',
    goals: [
      { type: 'ratio', atMost: 0.45, of: 'regctl' },
      { type: 'peak', atMostBytes: 120 * 2 ** 20 },
    ],
    runs: 3,
    contestants: async ({ registry, farRegistry, isQuick }, folder) => {
      const images = await pushMany(registry, isQuick ? 50 : 500);
      return manyContestants(farRegistry, images, folder, ['lading', 'regctl']);
    },
  },
];

/** Many images by one command where a tool has one, or by as many processes as the fastest way takes. */
async function manyContestants(
  registry: string,
  images: readonly string[],
  folder: string,
  tools: readonly ToolName[],
): Promise<Contestant[]> {
  const to = (name: string) => join(folder, name);
  const all = images.map((image) => `${registry}/${image}`);
  const yaml = to('skopeo.yaml');
  const list = to('regctl.txt');
  await writeFile(yaml, JSON.stringify(syncSource(registry, images))); // YAML reads JSON
  await writeFile(list, images.map((image) => `${image}\n`).join(''));
  const contestants: Contestant[] = [
    { tool: 'lading', command: (lading) => [...lading, 'save', ...all, '-o', `${to('lading')}/`] },
    {
      tool: 'skopeo',
      command: (skopeo) => [
        ...skopeo,
        ...['--insecure-policy', 'sync', '--src', 'yaml', '--dest', 'dir', yaml, to('skopeo')],
      ],
      note: 'sync, to a folder of its own form for each',
      runs: 1,
    },
    {
      tool: 'crane',
      command: (crane) => [...crane, 'pull', '--format', 'oci', ...all, to('crane')],
      runs: 1,
    },
    {
      tool: 'regctl',
      command: (regctl) => [
        ...['xargs', '-a', list, '-P', `${PROCESSES}`, '-I', '{}'],
        ...[...regctl, ...plain(registry), 'image', 'copy'],
        ...[`${registry}/{}`, `ocidir://${to('regctl')}/{}`],
      ],
      note: `${PROCESSES} processes, a layout for each image`,
      processes: PROCESSES,
    },
  ];
  return contestants
    .filter(({ tool }) => tools.includes(tool))
    .map((contestant) => ({ ...contestant, before: FRESH_FOLDER(to(contestant.tool)) }));
}

function layoutContestants(
  registry: string,
  name: string,
  folder: string,
): (Contestant & { output: string })[] {
  const image = `${registry}/${name}`;
  const to = (name: string) => join(folder, name);
  return [
    {
      tool: 'lading',
      command: (lading) => [...lading, 'save', image, '-o', `${to('lading')}/`],
      output: to('lading'),
    },
    {
      tool: 'skopeo',
      command: (skopeo) => skopeoCopy(skopeo, image, `oci:${to('skopeo')}:1`),
      output: to('skopeo'),
    },
    {
      tool: 'crane',
      command: (crane) => [...crane, 'pull', '--format', 'oci', image, to('crane')],
      output: to('crane'),
    },
    {
      tool: 'regctl',
      command: (regctl) => [
        ...[...regctl, ...plain(registry), 'image', 'copy'],
        ...[image, `ocidir://${to('regctl')}:1`],
      ],
      output: to('regctl'),
    },
    {
      tool: 'oras',
      command: (oras) => [
        ...[...oras, 'copy', '--from-plain-http', image],
        ...['--to-oci-layout', `${to('oras')}:1`],
      ],
      output: to('oras'),
    },
  ];
}

function skopeoCopy(skopeo: readonly string[], image: string, destination: string): string[] {
  return [
    ...[...skopeo, '--insecure-policy', 'copy', '--src-tls-verify=false'],
    ...[`docker://${image}`, destination],
  ];
}

/** crane and lading know that loopback speaks http, skopeo and regctl are told. */
function plain(registry: string): string[] {
  return ['--host', `reg=${registry},tls=disabled`];
}

function syncSource(registry: string, images: readonly string[]): object {
  const tags = images.map((image) => {
    const [repository, tag] = image.split(':');
    return [repository, [tag]];
  });
  return { [registry]: { images: Object.fromEntries(tags), 'tls-verify': false } };
}
