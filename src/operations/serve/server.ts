import { unwatchFile, watchFile } from 'node:fs';
import { messageOf } from '../../errors.js';
import type { AccessEntry } from '../../server/operational/access-log.js';
import { createMetrics, type Metrics } from '../../server/operational/metrics.js';
import type { Conversions } from '../../server/read/conversions.js';
import { createRegistryServer, type RegistryServerOptions } from '../../server/server.js';
import { openAccess, type ServeAccess, type ServeAccessOptions } from './access.js';

/** Where and how a registry is served, whatever its content. */
export interface ServeServerOptions extends Omit<ServeAccessOptions, 'maxPasswordChecks'> {
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default 5000; 0 takes a free one. */
  port?: number | undefined;
  limits?: RegistryServerOptions['limits'] | undefined;
  /** How long `close` waits for answers under way; default 10 s. */
  drainMs?: number | undefined;
  /** How often the files of certificate, key and users are looked at for a change. Default 10 s. */
  watchMs?: number | undefined;
  /** Told of every request when its answer is over; when it fails, the first time is a warning. */
  onRequest?: ((entry: AccessEntry) => void) | undefined;
}

/** What is served: all that the server itself does not know. */
export type ServedContent = Omit<
  RegistryServerOptions,
  keyof ServeServerOptions | 'authorization' | 'metrics' | 'tls'
>;

export interface ListeningServer {
  host: string;
  port: number;
  scheme: 'http' | 'https';
  /** Whether there are files of certificate, key or users. */
  reloadable: boolean;
  /** Reads certificate, key and users again; when one of them is wrong all stays as it was, and this rejects. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** Prometheus's counters are for those who run a server: loading them costs the other commands nothing. */
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
      // The step that can fail is the first: what is wrong with one file keeps the others from being taken.
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

/** One run after the other, in the order of the calls: what was read last is what stays. */
function inTurn(run: () => Promise<void>): () => Promise<void> {
  let latest: Promise<void> = Promise.resolve();
  return () => {
    const turn = latest.then(run);
    latest = turn.catch(() => undefined); // its own caller is told
    return turn;
  };
}

/** Counts the answers that are not what is stored. */
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

/** By their status, which also sees a file that was replaced, or reached by a link that now leads elsewhere. */
function watchAccess(
  { files }: ServeAccess,
  reload: () => Promise<void>,
  { watchMs = DEFAULT_WATCH_MS, onWarning }: ServeServerOptions,
): () => void {
  const changed = (): void => {
    reload().catch((error: unknown) => onWarning?.(`what was read before stays: ${messageOf(error)}`));
  };
  for (const file of files) watchFile(file, { persistent: false, interval: watchMs }, changed);
  return () => {
    for (const file of files) unwatchFile(file, changed);
  };
}
