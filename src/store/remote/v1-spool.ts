import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecompressLimits } from '../../compression/compression.js';
import type { Digest } from '../../content/digest.js';
import { diskError } from '../../disk/disk.js';
import { type FileView, openDirectory } from '../../disk/files.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../disk/temporary-folder.js';
import { hashRegions } from '../../hashing/hashing.js';
import type { V1ImageAnswer, V1Repository } from '../../registry/client.js';
import { withAbort } from '../../registry/http/abort.js';
import { findLayer } from '../archive/layer-files.js';
import { plainDiffID, type V1Layer } from '../archive/v1-image.js';
import { type V1DownloadOptions, V1LayerDownload } from './v1-download.js';

export interface V1SpoolOptions extends V1DownloadOptions {
  /** The folder for layers until the spool is closed; default: the system's folder for temporary files. */
  directory?: string | undefined;
  /** Limits of decompression. */
  limits?: DecompressLimits | undefined;
}

/**
 * The layers of v1 registries on the local disk. They have no digest until all their bytes have arrived, so the
 * manifest cannot be made earlier. Each layer is fetched once, however many images of a run use it; the client limits
 * the number of concurrent downloads.
 */
export class V1Spool {
  readonly #options: V1SpoolOptions;
  readonly #layers = new Map<string, Promise<V1Layer>>();
  readonly #places = new Map<string, number>();
  readonly #lifetime = new AbortController();
  #folder: Promise<TemporaryFolder> | undefined;

  constructor(options: V1SpoolOptions = {}) {
    this.#options = options;
  }

  /** Returns a view of the files in the spool. */
  async view(): Promise<FileView> {
    this.#folder ??= makeTemporaryFolder(this.#options.directory);
    return openDirectory((await this.#folder).path);
  }

  /** Fetches the layer of an image unless it was fetched before; an abort only ends the waiting. */
  layer(
    repository: V1Repository,
    id: string,
    image: V1ImageAnswer,
    signal?: AbortSignal | undefined,
  ): Promise<V1Layer> {
    const key = `${repository.place} ${id}`;
    const layer = this.#layers.get(key) ?? this.#fetchLayer(repository, id, image);
    this.#layers.set(key, layer);
    layer.catch(() => this.#layers.delete(key)); // do not cache a failure
    return withAbort(layer, signal);
  }

  /** Aborts running downloads and removes all files. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await Promise.allSettled(this.#layers.values());
    const folder = await this.#folder?.catch(() => undefined); // the callers of layer() got the error
    await folder?.remove();
  }

  async #fetchLayer(repository: V1Repository, id: string, image: V1ImageAnswer): Promise<V1Layer> {
    const view = await this.view();
    // The same ID may mean different images in two places.
    const place = this.#places.get(repository.place) ?? this.#places.size;
    this.#places.set(repository.place, place);
    const name = `${place}-${id}`;
    const path = join(view.location, name);
    const handle = await open(path, 'w', 0o600).catch((error: unknown) => {
      throw diskError(error, path);
    });
    let digest: Digest;
    try {
      const download = new V1LayerDownload(repository, id, image, { ...this.#options, handle, path });
      digest = await download.run(this.#lifetime.signal);
    } finally {
      await handle.close();
    }
    const file = await findLayer(view, name);
    let diffID = plainDiffID(file, digest);
    if (file.compression !== 'none') {
      const { limits } = this.#options;
      const decompress = `the layer of v1 image ${id}`;
      await hashRegions(
        [{ region: file.region, algorithm: 'sha256', decompress, limits }],
        (_, { hex }) => {
          diffID = `sha256:${hex}`;
        },
        { signal: this.#lifetime.signal },
      );
    }
    return { file, digest, diffID };
  }
}
