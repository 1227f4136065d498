import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { measure } from '../measure.js';
import type { Contestant, Row, World } from '../row.js';
import { forgetOfSkopeo } from '../skopeo-caches.js';
import type { ToolName } from '../tools.js';

/** How a tool pushes what lading saved. */
type Pushes = Partial<
  Record<ToolName, (tool: readonly string[], input: string, repository: string) => readonly string[]>
>;

const SKOPEO = ['--insecure-policy', 'copy', '--dest-tls-verify=false'];

export const loadRows: readonly Row[] = [
  {
    name: 'load-layout',
    work: 'load a directory into an empty registry',
    goals: [{ type: 'ratio', atMost: 1 }],
    contestants: (world, folder) =>
      pushing(world, join(folder, 'layout'), ['--format', 'oci'], {
        lading: (lading, input, repository) => [...lading, 'load', '-i', input, repository],
        skopeo: (skopeo, input, repository) => [
          ...skopeo,
          ...SKOPEO,
          `oci:${input}`,
          `docker://${repository}/app:1`,
        ],
        crane: (crane, input, repository) => [...crane, 'push', input, `${repository}/app:1`],
        regctl: (regctl, input, repository) => [
          ...regctl,
          ...['--host', `reg=${world.registry},tls=disabled`],
          ...['image', 'copy', `ocidir://${input}@${digestIn(input)}`, `${repository}/app:1`],
        ],
      }),
  },
  {
    name: 'load-archive',
    work: 'load an archive',
    goals: [{ type: 'ratio', atMost: 0.85 }],
    contestants: (world, folder) =>
      pushing(world, join(folder, 'image.tar'), [], {
        lading: (lading, input, repository) => [...lading, 'load', '-i', input, repository],
        skopeo: (skopeo, input, repository) => [
          ...skopeo,
          ...SKOPEO,
          `oci-archive:${input}`,
          `docker://${repository}/app:1`,
        ],
        crane: (crane, input, repository) => [...crane, 'push', input, `${repository}/app:1`],
        regctl: (regctl, input, repository) => [
          ...regctl,
          ...['--host', `reg=${world.registry},tls=disabled`],
          ...['image', 'import', `${repository}/app:1`, input],
        ],
      }),
  },
  {
    name: 'load-plain',
    work: 'load a `docker save` tar (plain layers)',
    goals: [{ type: 'ratio', atMost: 0.85 }],
    contestants: (world, folder) =>
      pushing(world, join(folder, 'plain.tar'), ['--format', 'docker-archive'], {
        lading: (lading, input, repository) => [...lading, 'load', '-i', input, repository],
        skopeo: (skopeo, input, repository) => [
          ...skopeo,
          ...SKOPEO,
          `docker-archive:${input}`,
          `docker://${repository}/app:1`,
        ],
        crane: (crane, input, repository) => [...crane, 'push', input, `${repository}/app:1`],
      }),
  },
  {
    name: 'load-many',
    work: 'load many small images, 40 ms away',
    goals: [{ type: 'ratio', atMost: 0.2 }],
    contestants: async ({ registry, farRegistry, images, tools, env }, folder) => {
      const layout = join(folder, 'many');
      const all = images.many.map((image) => `${registry}/${image}`);
      await measure(
        [...(tools.get('lading')?.command ?? []), 'save', ...all, '-o', `${layout}/`],
        env,
        folder,
      );
      const list = join(folder, 'images.txt');
      await writeFile(list, `${images.many.join('\n')}\n`);
      const fresh = createFreshRepositories(`${farRegistry}/${basename(folder)}`);
      return [
        fresh('lading', (lading, repository) => [...lading, 'load', '-i', layout, repository]),
        {
          ...fresh('skopeo', (skopeo, repository) => [
            ...['xargs', '-a', list, '-P', '4', '-I', '{}'],
            ...[...skopeo, ...SKOPEO, '-q', `oci:${layout}:${registry}/{}`, `docker://${repository}/{}`],
          ]),
          note: '4 processes',
          processes: 4,
          runs: 1,
        },
      ];
    },
  },
];

/** Contestants that push what lading saves of the large image, each time into repositories that are not there. */
async function pushing(
  { registry, images, tools, env }: World,
  input: string,
  format: readonly string[],
  pushes: Pushes,
): Promise<Contestant[]> {
  const lading = tools.get('lading')?.command ?? [];
  const figures = dirname(input);
  await measure([...lading, 'save', `${registry}/${images.large}`, ...format, '-o', input], env, figures);
  const fresh = createFreshRepositories(`${registry}/${basename(figures)}`);
  return (Object.keys(pushes) as ToolName[]).map((tool) =>
    fresh(tool, (command, repository) => pushes[tool]?.(command, input, repository) ?? []),
  );
}

/** The image in a layout of one image. */
function digestIn(layout: string): string {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  }; // lading's
  return index.manifests[0]?.digest ?? '';
}

/** The registry keeps what was pushed: an empty one is a repository of a name that no row has used. */
function createFreshRepositories(
  prefix: string,
): (
  tool: ToolName,
  command: (tool: readonly string[], repository: string) => readonly string[],
) => Contestant {
  let count = 0;
  let repository = prefix;
  return (tool, command) => ({
    tool,
    command: (own) => command(own, repository),
    before: async () => {
      count += 1;
      repository = `${prefix}${count}`;
      // It would only mount what it pushed elsewhere.
      await forgetOfSkopeo();
    },
  });
}
