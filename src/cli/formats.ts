import type { SaveOptions } from '../index.js';

export type Format = NonNullable<SaveOptions['format']>;

/** What `--format` writes, for the help; the type requires an entry for each format. */
export const FORMATS: Record<Format, { what: string; loadedBy: string }> = {
  universal: {
    what: 'an OCI layout and the manifest.json of docker save in one tar; the default for a file',
    loadedBy: 'Docker 1.10 and later, containerd, podman, skopeo, umoci',
  },
  'oci-archive': {
    what: 'an OCI layout in a tar',
    loadedBy: 'containerd, podman, skopeo, Docker 25 and later',
  },
  oci: {
    what: 'an OCI layout as a directory; the default for one',
    loadedBy: 'skopeo, umoci, podman, oras',
  },
  'docker-archive': {
    what: 'the format of docker save with plain layers, one platform of each image',
    loadedBy: 'Docker of any age (before 1.10 with --docker-legacy)',
  },
};
