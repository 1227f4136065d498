import { once } from 'node:events';
import type { InferredOptionTypes, Options } from 'yargs';
import { LadingError, printable, serve } from '../index.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import type { GlobalArguments } from './options.js';

const OPTIONS = {
  listen: {
    type: 'string',
    requiresArg: true,
    default: '127.0.0.1:5000',
    describe: 'HOST:PORT; port 0 takes a free one',
  },
} as const satisfies Record<string, Options>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { PATH: string };

export const serveCommand: CommandModule = {
  options: OPTIONS,
  describe: (yargs) =>
    yargs
      .positional('PATH', { type: 'string', demandOption: true, describe: 'An archive or a layout' })
      .example('$0 serve images.tar', 'docker pull 127.0.0.1:5000/library/alpine:3.20')
      .example('$0 serve layout/ --listen 0.0.0.0:5000', 'for the whole room'),
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const serving = await serve(flags.PATH, {
      ...parseListen(flags.listen),
      signal,
      onWarning: output.warning,
      onRequest: ({ remoteAddress, method, url, status, bytes, durationMs }) => {
        if (!flags.quiet)
          output.message(
            printable(`${remoteAddress} ${method} ${url} ${status} ${bytes} ${durationMs.toFixed(1)} ms`),
          );
      },
    });
    const host = serving.host.includes(':') ? `[${serving.host}]` : serving.host;
    const url = `http://${host}:${serving.port}`;
    output.result(
      { url, host: serving.host, port: serving.port, repositories: serving.repositories },
      () => `${url}\n`,
    );
    try {
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      await serving.close();
    }
    return EXIT.done;
  },
};

function parseListen(text: string): { host: string; port: number } {
  const [, host, port] = /^(.*?):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new LadingError('USAGE', `--listen takes HOST:PORT, not ${text}`);
  return { host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port: Number(port) };
}
