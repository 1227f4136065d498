import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { LadingError } from '../errors.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { parseDestinationLocator } from '../store/destination-locator.js';
import type { Destination } from './destination.js';
import { isRegistryTarget, nameInRegistry, registryOf } from './registry-names.js';
import type { OpenedSource } from './sources.js';
import { type SaveOutputOptions, toFiles } from './to-files.js';
import type { SaveFormat } from './write-files.js';

export interface OpenDestinationOptions
  extends Pick<
    SaveOutputOptions,
    'format' | 'append' | 'dockerLegacy' | 'dockerPlatform' | 'signal' | 'onEvent'
  > {
  /** How a registry is reached. */
  connection?: ConnectionOptions | undefined;
  /** In a registry, give an image that is named by its digest alone a tag, too; default false. */
  tagDigests?: boolean | undefined;
  /** In a registry, refuse to move a tag that is there and names something else; default false. */
  noClobber?: boolean | undefined;
  /** What images come from: its own files are refused as a destination. */
  source?: OpenedSource | undefined;
  /** Whether the source's own layout may get another name for one of its images; default false. */
  retags?: boolean | undefined;
}

export interface OpenedDestination extends Destination<unknown> {
  format: SaveFormat | 'registry';
  /** Where there is room for images beside it; undefined where that is the system's folder for temporary files. */
  directory: string | undefined;
}

/**
 * Opens what a locator names to write to: `docker://HOST[:PORT]/…`, `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`,
 * `docker-archive:FILE[:NAME]`, or a path; or a stream for an archive. Nothing is written yet. It is closed by the
 * caller. Rejects with `USAGE` where the locator or an option does not fit, and with `ALREADY_EXISTS` where something
 * else is there.
 */
export async function openDestination(
  output: string | Writable,
  options: OpenDestinationOptions = {},
): Promise<OpenedDestination> {
  if (typeof output !== 'string')
    return { ...(await toFiles(output, { ...options, inputs: [] })), directory: undefined };
  const locator = await parseDestinationLocator(output);
  if (isRegistryTarget(locator)) {
    if (options.format !== undefined || options.append)
      throw new LadingError(
        'USAGE',
        `${output} is a registry: there is no file of a format, to be added to`,
        {
          hint: 'Leave --format and --append out.',
        },
      );
    const registry = registryOf(locator);
    // Most destinations are files: what speaks to registries is loaded for those that are not.
    const { toRegistry } = await import('./to-registry.js');
    const destination = toRegistry(registry, options.connection ?? {}, {
      name: (images) => nameInRegistry(images, locator),
      tagDigests: options.tagDigests,
      wayOut: `Write docker://${registry}/PREFIX/ with the slash: each keeps its path under it.`,
      noClobber: options.noClobber,
      origin: originOf(options.source, registry),
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
    inputs: options.source?.kind === 'path' && !mayBeInput ? [options.source.path] : [],
  });
  return { ...files, directory: dirname(resolve(locator.path)) };
}

/** The format that a locator says; rejects with `USAGE` where `--format` says another. */
function formatOf(kind: SaveFormat, output: string, { format }: OpenDestinationOptions): SaveFormat {
  if (format === undefined || format === kind) return kind;
  throw new LadingError('USAGE', `${output} is written as ${kind}, not as ${format}`, {
    hint: 'Leave --format out.',
  });
}

/** The repository that everything comes from, if it is one of the same registry. */
function originOf(source: OpenedSource | undefined, registry: string): string | undefined {
  return source?.kind === 'registry' && source.reference.registry === registry
    ? source.reference.repository
    : undefined;
}
