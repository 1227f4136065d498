import type { InferredOptionTypes } from 'yargs';
import { LadingError, type ServeOptions } from '../index.js';
import { type CommandOption, type GlobalArguments, wholeNumber } from './options.js';
import { CONFIG_KINDS } from './serve-config.js';

export const SERVE_OPTIONS = {
  listen: {
    type: 'string',
    value: 'HOST:PORT',
    requiresArg: true,
    default: '127.0.0.1:5000',
    describe: 'HOST:PORT; port 0 takes a free one',
  },
  writable: { type: 'boolean', default: false, describe: 'Accept pushes and deletes (layout directories)' },
  'read-only': { type: 'boolean', default: false, describe: 'Accept none, which is the default' },
  platform: {
    type: 'string',
    value: 'OS/ARCH',
    requiresArg: true,
    describe: 'OS/ARCH[/VARIANT][:VERSION] of an index, for clients that accept no index',
    defaultDescription: 'linux/amd64',
  },
  'schema1-default': {
    type: 'boolean',
    default: false,
    describe: 'Give clients without an Accept header schema1, as Docker before 1.10 needs it',
  },
  'access-log': {
    choices: ['text', 'json', 'none'],
    requiresArg: true,
    describe: 'A line for every request, on standard error',
    defaultDescription: 'text, with --quiet none',
  },
  'print-config': {
    choices: CONFIG_KINDS,
    value: 'FOR',
    requiresArg: true,
    describe: 'Print what clients (or systemd) need for these flags, and serve nothing',
  },
  'tls-cert': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Certificate (PEM), then those of authorities between',
    group: 'Access:',
  },
  'tls-key': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Its key (PEM)',
    group: 'Access:',
  },
  htpasswd: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Users who may come in, as htpasswd -B writes them',
    group: 'Access:',
  },
  'max-connections': number('Connections at once', '2048'),
  'max-requests': number('Requests at once; more get 503', '1024'),
  'max-uploads': number('Requests at once that push; more get 429', '64'),
  'max-page-bytes': number('Largest page of tags, repositories or referrers', '1 MiB'),
  'max-held-bytes': number('Memory for answers and pushes on their way', '128 MiB'),
  'client-share': number('Percent of each of these that one client may have', '50'),
  'max-password-checks': number('Passwords that wait to be checked; more get 429', '1024'),
  'max-layer-bytes': number('Largest layer, decompressed, of an image that is converted', '4 GiB'),
  'max-ratio': number('Decompressed bytes for each compressed one, of such layers', '200'),
  'idle-timeout': number('Seconds in which nothing moves before a client is given up', '60'),
  'drain-timeout': number('Seconds for requests under way when told to stop', '10'),
  'max-upload-sessions': number('Uploads that are begun and not over; more get 429', '1000', 'Pushes:'),
  'max-manifest-bytes': number('Largest manifest that is taken', '4 MiB', 'Pushes:'),
  'max-blob-bytes': number('Largest blob that is taken', 'no limit', 'Pushes:'),
  'chunk-min-bytes': number('Smallest chunk that clients are asked to send', 'none', 'Pushes:'),
  'allow-sparse-index': {
    type: 'boolean',
    default: false,
    describe: 'Take an index some of whose images are not there',
    group: 'Pushes:',
  },
} as const satisfies Record<string, CommandOption>;

function number(describe: string, defaultDescription: string, group = 'Limits:') {
  return { type: 'number', requiresArg: true, describe, defaultDescription, group } as const;
}

export type ServeArguments = GlobalArguments &
  InferredOptionTypes<typeof SERVE_OPTIONS> & { PATH?: string[] };

/** Converts flags to options of the library; throws `USAGE`. */
export function serveOptions(flags: ServeArguments): ServeOptions {
  if (flags.writable && flags['read-only'])
    throw new LadingError('USAGE', '--writable and --read-only contradict each other');
  const seconds = (flag: 'idle-timeout' | 'drain-timeout', least: number): number | undefined => {
    const value = wholeNumber(flag, flags[flag], least);
    return value === undefined ? undefined : value * 1000;
  };
  return {
    ...parseListen(flags.listen),
    writable: flags.writable,
    platform: flags.platform,
    schema1Default: flags['schema1-default'],
    tls: tlsOptions(flags),
    htpasswdFile: flags.htpasswd,
    limits: {
      maxConnections: wholeNumber('max-connections', flags['max-connections'], 1),
      maxRequests: wholeNumber('max-requests', flags['max-requests'], 1),
      maxUploads: wholeNumber('max-uploads', flags['max-uploads'], 1),
      maxPageBytes: wholeNumber('max-page-bytes', flags['max-page-bytes'], 1),
      maxHeldBytes: wholeNumber('max-held-bytes', flags['max-held-bytes'], 1),
      clientShare: percent(flags['client-share']),
      maxPasswordChecks: wholeNumber('max-password-checks', flags['max-password-checks'], 1),
      idleMs: seconds('idle-timeout', 1),
    },
    conversions: {
      maxLayerBytes: wholeNumber('max-layer-bytes', flags['max-layer-bytes'], 1),
      maxRatio: wholeNumber('max-ratio', flags['max-ratio'], 1),
    },
    drainMs: seconds('drain-timeout', 0),
    push: {
      maxSessions: wholeNumber('max-upload-sessions', flags['max-upload-sessions'], 1),
      maxManifestBytes: wholeNumber('max-manifest-bytes', flags['max-manifest-bytes'], 1),
      maxBlobBytes: wholeNumber('max-blob-bytes', flags['max-blob-bytes'], 1),
      chunkMinBytes: wholeNumber('chunk-min-bytes', flags['chunk-min-bytes'], 1),
      allowSparse: flags['allow-sparse-index'],
    },
  };
}

function percent(value: number | undefined): number | undefined {
  if (wholeNumber('client-share', value, 1) !== undefined && Number(value) > 100)
    throw new LadingError('USAGE', `--client-share takes 1 to 100 percent, not ${value}`);
  return value;
}

export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([\da-f:.]+)\]|([\w.:-]*)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new LadingError('USAGE', `--listen takes HOST:PORT, not ${text}`);
  return { host: bracketed || plain || '127.0.0.1', port: Number(port) };
}

function tlsOptions({
  'tls-cert': certFile,
  'tls-key': keyFile,
}: Pick<ServeArguments, 'tls-cert' | 'tls-key'>): ServeOptions['tls'] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new LadingError(
      'USAGE',
      certFile === undefined ? '--tls-key needs --tls-cert' : '--tls-cert needs --tls-key',
    );
  return { certFile, keyFile };
}

/** Returns warnings about who can reach the server. */
export function exposureWarnings({ host = '', writable, tls, htpasswdFile }: ServeOptions): string[] {
  if (isLoopback(host)) return [];
  const warnings: string[] = [];
  if (htpasswdFile === undefined)
    warnings.push(
      writable === true
        ? `everybody who reaches ${host} may push and delete: --htpasswd asks for a password`
        : `everybody who reaches ${host} may pull: --htpasswd asks for a password`,
    );
  if (tls === undefined)
    warnings.push(
      htpasswdFile === undefined
        ? 'nothing is encrypted: --tls-cert and --tls-key do that'
        : 'passwords travel as plain text: --tls-cert and --tls-key encrypt them',
    );
  return warnings;
}

/** True for the addresses that stand for all addresses of this machine. */
export function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
