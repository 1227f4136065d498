import { hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  isBucket,
  isReference,
  LadingError,
  list,
  parseReference,
  printable,
  type ServeOptions,
} from '../index.js';
import { withBucketPlace } from './bucket-place.js';
import { wordsOfFlags } from './command-words.js';
import type { Output } from './output.js';
import { type ConfigFile, type ConfigKind, clientConfig, registryOf } from './serve-config.js';
import { isEveryAddress, isLoopback, parseListen, type ServeArguments, serveOptions } from './serve-flags.js';
import { fileFlags, ownOptions } from './serve-own-options.js';
import { systemdUnit } from './serve-unit.js';

const DOCKER_HUB = 'docker.io';

/**
 * Prints the configuration for `--print-config`. A single file is printed as it is, so that it can be redirected to its
 * place; several are printed with headings. Other information goes to standard error.
 */
export async function printConfig(kind: ConfigKind, given: ServeArguments, output: Output): Promise<void> {
  const flags = given.PATH?.some(isBucket) ? await withBucketPlace(given) : given;
  const options = serveOptions(flags);
  const { host = '', port = 0, tls, htpasswdFile, writable = false } = options;
  if (port === 0) throw new LadingError('USAGE', '--print-config needs the port in --listen');
  const address = {
    host: isEveryAddress(host) ? hostname() : host,
    port,
    tls: tls !== undefined,
    authorization: htpasswdFile !== undefined,
    writable,
  };
  if (kind === 'kubernetes') return printRegistry(flags, options, output);
  const registry = registryOf(address);
  // Its own images need no mirror.
  const origins = (kind === 'systemd' ? [] : await originsOf(flags.PATH ?? [])).filter(
    (name) => name !== registry,
  );
  const files = kind === 'systemd' ? [unitOf(flags, options)] : clientConfig(kind, address, origins);
  const login =
    address.authorization && (kind === 'docker' || kind === 'podman')
      ? `${kind} login ${registry}`
      : undefined;
  output.result({ kind, registry, files, login }, () => textOf(files));
  if (flags.quiet) return;
  const [only, ...furtherFiles] = files;
  if (furtherFiles.length === 0 && only?.text !== undefined) output.message(`for ${printable(only.path)}`);
  if (login !== undefined) output.message(`then: ${login}`);
  if (kind === 'systemd') return;
  if (kind === 'docker' && address.authorization)
    output.message(`Docker does not support mirrors that require a password: pull by the name ${registry}/…`);
  const others = origins.filter((origin) => origin !== DOCKER_HUB);
  if (kind === 'docker' && others.length > 0)
    output.message(
      `Docker has mirrors of ${DOCKER_HUB} only: pull images of ${others.join(', ')} by the name ${registry}/…`,
    );
  if (address.authorization && login === undefined)
    output.message('replace USER and PASSWORD with those of a user in the htpasswd file');
  if (isEveryAddress(host))
    output.message(
      `${printable(address.host)} is this machine's own name: give --listen the one that clients know`,
    );
  else if (isLoopback(host))
    output.message(`${host} is reached from this machine only: give --listen the name that others know`);
}

/** Prints the manifests of a registry in Kubernetes. */
async function printRegistry(
  flags: ServeArguments,
  { host = '', port = 0, tls }: ServeOptions,
  output: Output,
): Promise<void> {
  const { kubernetesRegistry } = await import('./serve-kubernetes.js');
  const { file, next } = kubernetesRegistry(flags, {
    host,
    port,
    tls: tls !== undefined,
    drainSeconds: drainSecondsOf(flags),
  });
  output.result({ kind: 'kubernetes', files: [file], next }, () => textOf([file]));
  if (flags.quiet) return;
  for (const line of next) output.message(`before: ${line}`);
  output.message(`then: kubectl apply -f ${file.path}`);
}

/** Returns the registries that the images of the archives are of; without archives, that is Docker Hub. */
async function originsOf(paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [DOCKER_HUB];
  const origins = new Set<string>();
  for (const path of paths) {
    const listed = await list(path);
    if (listed.kind !== 'images') continue;
    for (const { name } of listed.images) if (isReference(name)) origins.add(parseReference(name).registry);
  }
  return [...origins].sort();
}

function textOf(files: readonly ConfigFile[]): string {
  const [only, ...others] = files;
  if (others.length === 0 && only?.text !== undefined) return only.text;
  return files
    .map(({ path, note, text }) => `# ${path}${note === undefined ? '' : ` (${note})`}\n${text ?? ''}`)
    .join('\n');
}

function unitOf(flags: ServeArguments, options: ServeOptions): ConfigFile {
  const places = flags.PATH ?? [];
  const paths = places.filter((path) => !isBucket(path)).map((path) => resolve(path));
  if (places.length === 0) throw new LadingError('USAGE', '--print-config systemd needs the PATH to serve');
  return systemdUnit({
    args: ['serve', ...places.map((place) => (isBucket(place) ? place : resolve(place))), ...flagsOf(flags)],
    paths,
    writable: options.writable === true,
    reloadable: options.tls !== undefined || options.htpasswdFile !== undefined,
    port: parseListen(flags.listen).port,
    drainSeconds: drainSecondsOf(flags),
  });
}

/** Returns the seconds of `--drain-timeout`, or its default. */
function drainSecondsOf({ 'drain-timeout': seconds = 10 }: ServeArguments): number {
  return seconds;
}

/** Returns the given flags, with absolute paths for files. */
function flagsOf(flags: ServeArguments): string[] {
  const values: Record<string, unknown> = { ...flags };
  for (const name of fileFlags()) {
    const file = values[name];
    if (typeof file === 'string') values[name] = resolve(file);
  }
  return ['--listen', flags.listen, ...wordsOfFlags(ownOptions(), values)];
}
