import { join } from 'node:path';
import { measure } from '../measure.js';
import type { Row } from '../row.js';

export const openRows: readonly Row[] = [
  {
    name: 'inspect',
    work: 'inspect one image in an archive',
    goal: { type: 'ratio', atMost: 0.5 },
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
    name: 'start',
    work: 'start (`--version`)',
    goal: { type: 'over', tool: 'node', seconds: 0.04 },
    contestants: async () => [
      { tool: 'lading', command: (tool) => [...tool, '--version'] },
      { tool: 'node', command: (tool) => [...tool, '-e', '0'], note: '`-e 0`' },
      { tool: 'skopeo', command: (tool) => [...tool, '--version'] },
      { tool: 'crane', command: (tool) => [...tool, 'version'] },
      { tool: 'regctl', command: (tool) => [...tool, 'version'] },
    ],
  },
];
