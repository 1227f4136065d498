import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { LadingError } from '../errors.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { parseDestinationLocator } from '../store/locator.js';
import type { Store } from '../store/store.js';
import type { Destination } from './destination.js';
import { type SaveOutputOptions, toFiles } from './files/to-files.js';
import type { SaveFormat } from './files/write-files.js';
import { isRegistryTarget, nameInRegistry, registryOf } from './registry/registry-names.js';
import { closedBy, type KnownSource, knownSource, type OpenedSource } from './sources.js';
import { toBucket } from './to-bucket.js';
import { toStore } from './to-store.js';

export interface OpenDestinationOptions
  extends Pick<
    SaveOutputOptions,
    | 'format'
    | 'append'
    | 'archiveCompression'
    | 'archiveCompressionLevel'
    | 'dockerLegacy'
    | 'dockerPlatform'
    | 'noClobber'
    | 'signal'
    | 'onEvent'
  > {
  /** Options of the connection to a registry or a bucket. */
  connection?: ConnectionOptions | undefined;
  /** In a registry, also give a tag to an image that is named by its digest alone; default false. */
  tagDigests?: boolean | undefined;
  /** The source of the images; its own files are refused as a destination. */
  source?: OpenedSource | undefined;
  /** Allow the source's own layout as the destination, to give one of its images another name; default false. */
  retags?: boolean | undefined;
}

/** What operations write to: a locator, a stream for an archive, or any store. */
export type DestinationLike = string | Writable | Store;

export interface OpenedDestination extends Destination<unknown>, AsyncDisposable {
  format: SaveFormat | 'registry' | 'store';
  /** A directory with space for temporary files next to the output; undefined for the system's temporary folder. */
  directory: string | undefined;
}

/**
 * Opens a destination: a locator (`docker://HOST[:PORT]/…`, `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`,
 * `docker-archive:FILE[:NAME]`, `s3://BUCKET[/PREFIX]`), a path, a stream for an archive, or the caller's own store, which stays open. Nothing
 * is written yet. The caller closes it, with `close` or `await using`. Rejects with `USAGE` if the locator or an option
 * does not fit, and with `ALREADY_EXISTS` if something else is already there.
 */
export async function openDestination(
  output: DestinationLike,
  options: OpenDestinationOptions = {},
): Promise<OpenedDestination> {
  const opened = await open(output, options);
  return { ...opened, ...closedBy(() => opened.close()) };
}

type Opened = Omit<OpenedDestination, typeof Symbol.asyncDispose>;

async function open(output: DestinationLike, options: OpenDestinationOptions): Promise<Opened> {
  if (typeof output !== 'string') {
    const opened = isStore(output) ? toStore(output) : await toFiles(output, { ...options, inputs: [] });
    return { ...opened, directory: undefined };
  }
  const source = options.source && knownSource(options.source);
  const locator = await parseDestinationLocator(output);
  if (locator.kind === 's3') {
    refuseFileOptions(`${output} is a bucket`, { ...options, append: false });
    const { connection, noClobber } = options;
    return { ...(await toBucket(locator.location, { connection, noClobber })), directory: undefined };
  }
  if (isRegistryTarget(locator)) {
    refuseFileOptions(`${output} is a registry`, options);
    const registry = registryOf(locator);
    // Most destinations are files, so the registry client is loaded only when it is needed.
    const { toRegistry } = await import('./registry/to-registry.js');
    const destination = toRegistry(registry, options.connection ?? {}, {
      name: (images) => nameInRegistry(images, locator),
      tagDigests: options.tagDigests,
      wayOut: {
        hint: `Write docker://${registry}/PREFIX/ with the slash, so that each keeps its path below it.`,
      },
      noClobber: options.noClobber,
      origin: originOf(source, registry),
    });
    return { ...destination, format: 'registry', directory: undefined };
  }
  const isPath = locator.kind === 'path';
  const name = isPath ? undefined : locator.reference;
  const mayBeInput = options.retags === true && locator.kind === 'oci' && name !== undefined;
  const files = await toFiles(locator.path, {
    ...options,
    format: isPath ? options.format : formatOf(locator.kind, output, options),
    name,
    inputs: source?.kind === 'path' && !mayBeInput ? [source.path] : [],
  });
  return { ...files, directory: dirname(resolve(locator.path)) };
}

/** Rejects with `USAGE` options that say how files are written. */
export function refuseFileOptions(
  what: string,
  {
    format,
    append,
    archiveCompression = 'none',
  }: Pick<OpenDestinationOptions, 'format' | 'append' | 'archiveCompression'>,
): void {
  if (format === undefined && !append && archiveCompression === 'none') return;
  throw new LadingError(
    'USAGE',
    `${what}: a format, a compression, or adding to what is there, is only for files`,
    { remedy: 'omitFileOptions' },
  );
}

/** Returns the name of a destination for messages: the locator, a store's location, or `-` for a stream. */
export function destinationName(output: DestinationLike): string {
  if (typeof output === 'string') return output;
  return isStore(output) ? output.location : '-';
}

export function isStore(output: DestinationLike): output is Store {
  return typeof output !== 'string' && 'sizeOf' in output; // streams have a push, too
}

/** Returns the format of a locator; rejects with `USAGE` if `format` contradicts it. */
function formatOf(kind: SaveFormat, output: string, { format }: OpenDestinationOptions): SaveFormat {
  if (format === undefined || format === kind) return kind;
  throw new LadingError('USAGE', `${output} is written as ${kind}, not as ${format}`, {
    remedy: 'omitFormat',
  });
}

/** Returns the repository that all images come from, if it is in the same registry. */
function originOf(source: KnownSource | undefined, registry: string): string | undefined {
  return source?.kind === 'registry' && source.reference.registry === registry
    ? source.reference.repository
    : undefined;
}
