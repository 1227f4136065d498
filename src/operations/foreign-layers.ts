import type { ContentSource } from '../graph/tree.js';
import type { RegistryClient } from '../registry/client.js';
import { type ConnectionOptions, connect } from '../registry/connect.js';
import type { Source } from '../store/store.js';
import type { PlanOptions } from '../transfer/plan.js';

/** Fetches layers that a registry need not have from the places that their manifests name. */
export interface ForeignLayers {
  foreign: NonNullable<PlanOptions['foreign']>;
  close(): Promise<void>;
}

/**
 * Fetches foreign layers from their registry, if it has them, or else from their urls. Those are requested with a
 * separate client that has no login and no client certificate. The content is verified by its digest, as always.
 */
export async function foreignLayers(
  options: ConnectionOptions,
  registryOf: (source: Source) => string,
): Promise<ForeignLayers> {
  const stranger = await connect(
    { ...options, certFile: undefined, keyFile: undefined, credentials: undefined },
    [],
    async () => undefined,
  );
  return {
    foreign: (source, layer) =>
      foreignSource(source, layer, { client: stranger, registry: registryOf(source) }),
    close: () => stranger.close(),
  };
}

function foreignSource(
  source: Source,
  { size, urls = [] }: Parameters<ForeignLayers['foreign']>[1],
  { client, registry }: { client: RegistryClient; registry: string },
): ContentSource {
  const places: ContentSource['fetch'][] = [
    (...wanted) => source.fetch(...wanted),
    ...urls.map(
      (url): ContentSource['fetch'] =>
        (_, options) =>
          client.getForeign(url, registry, { size, ...options }),
    ),
  ];
  let place = -1;
  return {
    // A request for the first byte means that the previous content was wrong, so try the next place.
    async fetch(descriptor, options = {}) {
      const { start = 0 } = options;
      if (start === 0 || place < 0) place = (place + 1) % places.length;
      let failure: unknown;
      for (let tries = 0; tries < places.length; tries++, place = (place + 1) % places.length) {
        try {
          const body = await places[place]?.(descriptor, options);
          if (body !== undefined) return body;
        } catch (error) {
          options.signal?.throwIfAborted();
          failure ??= error;
        }
      }
      throw failure;
    },
  };
}
