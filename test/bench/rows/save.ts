import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contestant, Row, World } from '../row.js';

const FRESH_FOLDER = (path: string) => () => rm(path, { recursive: true, force: true });

export const saveRows: readonly Row[] = [
  {
    name: 'save-layout',
    work: 'save to a layout directory',
    goal: { type: 'ratio', atMost: 1 },
    contestants: async (world, folder) =>
      layoutContestants(world, folder).map(({ output, ...contestant }) => ({
        ...contestant,
        before: FRESH_FOLDER(output),
      })),
  },
  {
    name: 'save-archive',
    work: 'save to an archive that Docker and OCI tools load',
    goal: { type: 'ratio', atMost: 1 },
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
    goal: { type: 'ratio', atMost: 0.5 },
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
    goal: { type: 'seconds', atMost: 0.25 },
    // Nothing is removed: the warm-up saves, the measured runs find it.
    contestants: async (world, folder) =>
      layoutContestants(world, folder).filter(({ tool }) => tool !== 'crane'),
  },
  {
    name: 'save-many',
    work: 'save many small images, 40 ms away',
    goal: { type: 'ratio', atMost: 0.15 },
    contestants: async ({ farRegistry, images }, folder) => {
      const to = (name: string) => join(folder, name);
      const all = images.many.map((image) => `${farRegistry}/${image}`);
      const yaml = to('skopeo.yaml');
      const list = to('regctl.txt');
      await writeFile(yaml, JSON.stringify(syncSource(farRegistry, images.many))); // YAML reads JSON
      await writeFile(list, images.many.map((image) => `${image}\n`).join(''));
      const contestants: Contestant[] = [
        { tool: 'lading', command: (lading) => [...lading, 'save', ...all, '-o', `${to('lading')}/`] },
        {
          tool: 'skopeo',
          command: (skopeo) => [
            ...skopeo,
            ...['--insecure-policy', 'sync', '--src', 'yaml', '--dest', 'dir', yaml, to('skopeo')],
          ],
          note: 'sync, to a folder of its own form for each',
        },
        {
          tool: 'crane',
          command: (crane) => [...crane, 'pull', '--format', 'oci', ...all, to('crane')],
        },
        {
          tool: 'regctl',
          command: (regctl) => [
            ...['xargs', '-a', list, '-P', '4', '-I', '{}'],
            ...[...regctl, ...plain(farRegistry), 'image', 'copy'],
            ...[`${farRegistry}/{}`, `ocidir://${to('regctl')}/{}`],
          ],
          note: '4 processes, a layout for each image',
        },
      ];
      return contestants.map((contestant) => ({ ...contestant, before: FRESH_FOLDER(to(contestant.tool)) }));
    },
  },
];

function layoutContestants({ registry, images }: World, folder: string): (Contestant & { output: string })[] {
  const image = `${registry}/${images.large}`;
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
