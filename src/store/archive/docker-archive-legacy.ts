import { type Digest, encodedOf } from '../../content/digest.js';
import { parseConfig } from '../../manifest/config.js';
import { v1FoldersOf } from '../../manifest/v1/folders.js';
import type { DockerManifestItem } from './docker-manifest.js';

/** An entry that an archive has only for Docker before 1.10. */
export type LegacyEntry = { path: string } & ({ bytes: Buffer } | { linkTarget: string });

/** Returns the path of an uncompressed layer in a docker-archive. */
export function layerPath(diffID: Digest): string {
  return `${encodedOf(diffID)}.tar`;
}

/**
 * Returns a folder for each layer of an image, with the layer as a link to its file, and the ID of the top folder.
 * (containers/image, docker/internal/tarfile, `ensureSingleLegacyLayerLocked`)
 */
export function legacyFolders(config: Buffer, digest: Digest): { entries: LegacyEntry[]; topID: string } {
  const { diff_ids: diffIDs } = parseConfig(config, digest).rootfs;
  const folders = v1FoldersOf(config, digest);
  const entries = folders.flatMap(({ v1ID, json }, place): LegacyEntry[] => {
    const diffID = diffIDs[place];
    if (diffID === undefined) throw new Error('there is a folder for each layer');
    return [
      { path: `${v1ID}/layer.tar`, linkTarget: `../${layerPath(diffID)}` },
      { path: `${v1ID}/VERSION`, bytes: Buffer.from('1.0') },
      { path: `${v1ID}/json`, bytes: json },
    ];
  });
  return { entries, topID: folders.at(-1)?.v1ID ?? '' };
}

/** Returns the file `repositories`: name → tag → folder of the top layer. The keys of `topIDs` are paths of configs. */
export function repositoriesOf(
  items: readonly DockerManifestItem[],
  topIDs: ReadonlyMap<string, string>,
): Buffer {
  const repositories = new Map<string, Map<string, string>>();
  for (const { Config, RepoTags } of items) {
    for (const name of RepoTags ?? []) {
      const end = name.lastIndexOf(':');
      const tags = repositories.get(name.slice(0, end)) ?? new Map<string, string>();
      repositories.set(name.slice(0, end), tags.set(name.slice(end + 1), topIDs.get(Config) ?? ''));
    }
  }
  const document = [...repositories].map(([name, tags]) => [name, Object.fromEntries(tags)]);
  return Buffer.from(`${JSON.stringify(Object.fromEntries(document))}\n`);
}
