import { once } from 'node:events';
import { formatAccess, LadingError, messageOf, type Serving, serve } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { eventsTo } from './progress.js';
import { registryOf } from './serve-config.js';
import { exposureWarnings, SERVE_OPTIONS, type ServeArguments, serveOptions } from './serve-flags.js';
import { printConfig } from './serve-print.js';
import { welcome } from './serve-welcome.js';

export const serveCommand: CommandModule = {
  options: SERVE_OPTIONS,
  positionals: {
    PATH: { type: 'string', array: true, describe: 'Archives and layouts' },
  },
  examples: [
    { line: 'lading serve images.tar', summary: 'docker pull 127.0.0.1:5000/library/alpine:3.20' },
    {
      line: 'lading serve layout/ --listen 0.0.0.0:5000 --writable --htpasswd users',
      summary: 'for other machines, with passwords',
    },
    {
      line: 'lading serve --listen registry.lan:5000 --print-config containerd',
      summary: 'the configuration of the nodes',
    },
  ],
  epilogue:
    'SIGTERM and Ctrl-C end it with 0 when all running requests have ended; a second signal ends it at once. ' +
    'SIGHUP reloads certificate, key and users. /healthz and /metrics are for monitoring.',
  async run(argv, { output, signal, streams }) {
    const flags = argv as ServeArguments; // yargs has parsed by SERVE_OPTIONS
    const kind = flags['print-config'];
    if (kind !== undefined) {
      await printConfig(kind, flags, output);
      return EXIT.done;
    }
    const options = serveOptions(flags);
    const paths = flags.PATH ?? [];
    if (paths.length === 0)
      throw new LadingError('USAGE', 'there is nothing to serve', { hint: 'Name an archive or a layout.' });
    // The registry must not end because nobody reads its log any more.
    streams.ignoreStderr();
    for (const warning of exposureWarnings(options)) output.warning(warning);
    const log = flags['access-log'] ?? (flags.quiet ? 'none' : 'text');
    const serving = await serve(paths, {
      ...options,
      signal,
      onEvent: eventsTo(output, flags),
      ...(log !== 'none' && { onRequest: (entry) => output.message(formatAccess(entry, log)) }),
    });
    const stopReloading = reloadOnHangup(serving, output);
    const { host, port, repositories } = serving;
    const url = `${serving.scheme}://${registryOf(serving)}`;
    output.result({ url, host, port, repositories }, () => `${url}\n`);
    // A log in JSON has one document a line and nothing else.
    if (!flags.quiet && log !== 'json') welcome(serving, output);
    try {
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      stopReloading();
      await serving.close();
    }
    return EXIT.done;
  },
};

/** Reloads on SIGHUP. Without files to reload, SIGHUP ends the program as usual, when its terminal closes. */
function reloadOnHangup(serving: Serving, output: Output): () => void {
  if (!serving.reloadable) return () => undefined;
  const reload = (): void => {
    serving.reload().then(
      () => output.message('certificate and users were reloaded'),
      (error: unknown) =>
        output.warning(
          `reloading failed, so the previous certificate and users stay in use: ${messageOf(error)}`,
        ),
    );
  };
  process.on('SIGHUP', reload);
  return () => process.off('SIGHUP', reload);
}
