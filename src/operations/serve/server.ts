import { unwatchFile, watchFile } from 'node:fs';
import { messageOf } from '../../errors.js';
import type { AccessEntry } from '../../server/operational/access-log.js';
import { createMetrics, type Metrics } from '../../server/operational/metrics.js';
import type { Conversions } from '../../server/read/conversions.js';
import { createRegistryServer, type RegistryServerOptions } from '../../server/server.js';
import { openAccess, type ServeAccess, type ServeAccessOptions } from './access.js';

/** How and at which address a registry is served, whatever its content. */
export interface ServeServerOptions extends Omit<ServeAccessOptions, 'maxPasswordChecks'> {
  /** Host to listen on; default 127.0.0.1. */
  host?: string | undefined;
  /** Port to listen on; default 5000; 0 picks a free one. */
  port?: number | undefined;
  limits?: RegistryServerOptions['limits'] | undefined;
  /** How long `close` waits for running responses, in milliseconds; default 10 s. */
  drainMs?: number | undefined;
  /** How often to check the files of certificate, key and users for changes, in milliseconds; default 10 s. */
  watchMs?: number | undefined;
  /**
   * Called for every request when its response has ended. If the callback fails, the first failure causes a warning.
   */
  onRequest?: ((entry: AccessEntry) => void) | undefined;
}

/** What is served: the options that do not concern the server itself. */
export type ServedContent = Omit<
  RegistryServerOptions,
  keyof ServeServerOptions | 'authorization' | 'metrics' | 'tls'
>;

export interface ListeningServer {
  host: string;
  port: number;
  scheme: 'http' | 'https';
  /** True if there are files of a certificate, key or users. */
  reloadable: boolean;
  /** Reads certificate, key and users again; if one of them is invalid, nothing changes and this rejects. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server. Prometheus's counters are loaded here, so that other commands do not pay for them. */
export async function startServer(
  content: ServedContent,
  options: ServeServerOptions,
): Promise<ListeningServer> {
  const { host, port, limits, drainMs, onRequest, onWarning } = options;
  const access = await openAccess({ ...options, maxPasswordChecks: limits?.maxPasswordChecks });
  try {
    const { identity, authorization } = access;
    const { conversions } = content;
    const metrics = await createMetrics();
    const server = createRegistryServer({
      ...content,
      metrics,
      ...(conversions !== undefined && { conversions: counted(conversions, metrics) }),
      ...(authorization !== undefined && { authorization }),
      ...(identity !== undefined && { tls: identity }),
      ...(limits !== undefined && { limits }),
      ...(drainMs !== undefined && { drainMs }),
      ...(onRequest !== undefined && { onRequest }),
      ...(onWarning !== undefined && { onWarning }),
    });
    const address = await server.listen({
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
    });
    const reload = inTurn(async () => {
      const next = await access.read();
      // The step that can fail comes first, so an error in one file leaves all of them unchanged.
      if (next.identity !== undefined) server.replaceIdentity(next.identity);
      access.replaceUsers(next);
    });
    const unwatch = watchAccess(access, reload, options);
    return {
      ...address,
      scheme: identity === undefined ? 'http' : 'https',
      reloadable: access.files.length > 0,
      reload,
      async close() {
        unwatch();
        await server.close();
        await access.close();
      },
    };
  } catch (error) {
    await access.close();
    throw error;
  }
}

/** Runs one call after the other, in order, so that the files that were read last stay in effect. */
function inTurn(run: () => Promise<void>): () => Promise<void> {
  let latest: Promise<void> = Promise.resolve();
  return () => {
    const turn = latest.then(run);
    latest = turn.catch(() => undefined); // its own caller gets the error
    return turn;
  };
}

/** Counts the responses that differ from what is stored. */
function counted(conversions: Conversions, metrics: Metrics): Conversions {
  return {
    async convert(store, tagged, ...rest) {
      const served = await conversions.convert(store, tagged, ...rest);
      const { digest } = tagged.descriptor;
      if (served !== undefined && served.descriptor.digest !== digest) metrics.countConversion();
      return served;
    },
    find: (...asked) => conversions.find(...asked),
  };
}

const DEFAULT_WATCH_MS = 10_000;

/**
 * Watches the files by their stats, which also notices a file that was replaced, or a link that leads elsewhere now.
 */
function watchAccess(
  { files }: ServeAccess,
  reload: () => Promise<void>,
  { watchMs = DEFAULT_WATCH_MS, onWarning }: ServeServerOptions,
): () => void {
  const changed = (): void => {
    reload().catch((error: unknown) =>
      onWarning?.(`the files that were read before stay in use: ${messageOf(error)}`),
    );
  };
  for (const file of files) watchFile(file, { persistent: false, interval: watchMs }, changed);
  return () => {
    for (const file of files) unwatchFile(file, changed);
  };
}
