import type { InferredOptionTypes } from 'yargs';
import { LadingError, type ServeOptions } from '../index.js';
import { BUCKET_OPTIONS, bucketOptions, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import { KUBERNETES_OPTIONS } from './kubernetes.js';
import { type CommandOption, type GlobalArguments, SELECT_OPTION, wholeNumber } from './options.js';
import { CONFIG_KINDS } from './serve-config.js';

export const SERVE_OPTIONS = {
  listen: {
    type: 'string',
    value: 'HOST:PORT',
    requiresArg: true,
    default: '127.0.0.1:5000',
    describe: 'Address to listen on; port 0 is any free port',
  },
  select: SELECT_OPTION,
  writable: { type: 'boolean', default: false, describe: 'Accept pushes and deletes (layout directories)' },
  'read-only': { type: 'boolean', default: false, describe: 'Accept no pushes and deletes (the default)' },
  platform: {
    type: 'string',
    value: 'OS/ARCH',
    requiresArg: true,
    describe: 'Image of an index that clients get if they accept no index: OS/ARCH[/VARIANT][:VERSION]',
    defaultDescription: 'linux/amd64',
  },
  'schema1-default': {
    type: 'boolean',
    default: false,
    describe: 'Send schema1 to clients without an Accept header, for Docker before 1.10',
  },
  'access-log': {
    choices: ['text', 'json', 'none'],
    requiresArg: true,
    describe: 'Log each request on standard error',
    defaultDescription: 'text, with --quiet none',
  },
  'print-config': {
    choices: CONFIG_KINDS,
    value: 'FOR',
    requiresArg: true,
    describe: 'Print the configuration of clients, or of this server, for these flags, and serve nothing',
  },
  'tls-cert': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Certificate (PEM), followed by the intermediate ones',
    group: 'Access:',
  },
  'tls-key': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Key of the certificate (PEM)',
    group: 'Access:',
  },
  htpasswd: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'File of users and passwords, as htpasswd -B writes it',
    group: 'Access:',
  },
  'max-connections': number('Most concurrent connections', '2048'),
  'max-requests': number('Most concurrent requests; others get 503', '1024'),
  'max-uploads': number('Most concurrent pushes of blobs; others get 429', '64'),
  'max-page-bytes': number('Largest page of tags, repositories or referrers', '1 MiB'),
  'max-held-bytes': number('Memory for bodies that are sent or received', '128 MiB'),
  'client-share': number('Share of one client in these limits, in percent', '50'),
  'max-password-checks': number('Most passwords that wait for their check; others get 429', '1024'),
  'max-layer-bytes': number('Largest layer, in bytes after decompression, of a converted image', '4 GiB'),
  'max-ratio': number('Largest ratio of decompressed to compressed bytes of such layers', '200'),
  'idle-timeout': number('Seconds without progress before a client is disconnected', '60'),
  'drain-timeout': number('Seconds that running requests may take after the order to stop', '10'),
  'max-upload-sessions': number('Most open uploads; others get 429', '1000', 'Pushes:'),
  'max-manifest-bytes': number('Largest manifest that is accepted', '4 MiB', 'Pushes:'),
  'max-blob-bytes': number('Largest blob that is accepted', 'no limit', 'Pushes:'),
  'chunk-min-bytes': number('Smallest chunk that clients are asked to send', 'none', 'Pushes:'),
  'allow-sparse-index': {
    type: 'boolean',
    default: false,
    describe: 'Accept an index although some of its images are missing',
    group: 'Pushes:',
  },
  redirect: {
    type: 'boolean',
    default: false,
    describe: 'Send clients to s3://… for blobs, by URLs that are signed for 15 minutes',
    group: 'Bucket:',
  },
  ...BUCKET_OPTIONS,
  ...SIGN_REQUEST_OPTION,
  ...KUBERNETES_OPTIONS,
  replicas: {
    type: 'number',
    value: 'N',
    requiresArg: true,
    describe: 'Pods of the Deployment',
    defaultDescription: '2',
    group: 'Kubernetes:',
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
    select: flags.select,
    platform: flags.platform,
    schema1Default: flags['schema1-default'],
    tls: tlsOptions(flags),
    htpasswdFile: flags.htpasswd,
    s3: bucketOptions(flags),
    redirect: flags.redirect,
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

/** Parses `HOST:PORT`, `[IPv6]:PORT` or `:PORT`, which is the port of loopback; throws `USAGE`. */
export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([\da-f:.]+)\]|([\w.:-]*)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new LadingError('USAGE', `--listen takes HOST:PORT, not "${text}"`);
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
