import { ANNOTATION } from '../../src/content/annotations.js';
import { isLadingError } from '../../src/errors.js';
import { parseConfig } from '../../src/manifest/config.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openPath } from '../../src/store/open.js';
import { readContent } from '../../src/store/read-content.js';
import type { Shown } from './readings.js';

export type View = { type: 'clean'; shown: Shown[] } | { type: 'refused'; why: string };

/** What lading shows of an archive, if it verifies without a finding. */
export async function viewOf(path: string): Promise<View> {
  try {
    const { ok, findings } = await verify(path, { concurrency: 1 });
    if (!ok) return { type: 'refused', why: findings[0]?.message ?? 'without a finding' };
    return { type: 'clean', shown: await shownIn(path) };
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return { type: 'refused', why: error.message };
  }
}

async function shownIn(path: string): Promise<Shown[]> {
  const store = await openPath(path, {});
  try {
    const shown: Shown[] = [];
    for await (const { name, descriptor } of store.names()) {
      const bytes = await readContent(store, descriptor);
      const manifest = parseManifest(bytes, { mediaType: descriptor.mediaType });
      if (manifest.format !== 'oci-manifest' && manifest.format !== 'docker-schema2')
        throw new Error(`${name} is no image of this suite: ${manifest.format}`);
      const configBytes = await readContent(store, manifest.config);
      const { config, os, architecture, rootfs } = parseConfig(configBytes, 'the config');
      shown.push({
        name,
        refName: descriptor.annotations?.[ANNOTATION.refName],
        config: manifest.config.digest,
        layers: rootfs.diff_ids,
        says: {
          user: config.User ?? '',
          cmd: config.Cmd ?? [],
          dir: config.WorkingDir ?? '',
          labels: config.Labels ?? {},
          os,
          arch: architecture,
          diffIDs: rootfs.diff_ids,
        },
      });
    }
    return shown;
  } finally {
    await store.close();
  }
}
