import type { ServingRow } from '../serving.js';

export const serveRows: readonly ServingRow[] = [
  {
    name: 'serve-manifests',
    work: 'a manifest by tag',
    of: 'requests',
    goal: { atLeast: 1 },
    path: ({ repository, tag }) => `/v2/${repository}/manifests/${tag}`,
  },
  {
    name: 'serve-blobs',
    work: 'one large blob',
    of: 'bytes',
    goal: { atLeast: 1 },
    path: ({ repository, largestBlob }) => `/v2/${repository}/blobs/${largestBlob}`,
  },
];
