import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import fs from 'fs-extra';
import { promisedForm } from '../../content/archive-name.js';
import type { Platform } from '../../content/platform.js';
import { requireWritable } from '../../disk/disk.js';
import { isOwnFile } from '../../disk/own-file.js';
import { isLadingError, LadingError, messageOf } from '../../errors.js';
import { type OnCopyEvent, warningsTo } from '../../events.js';
import { openLayoutArchive } from '../../store/archive/archive.js';
import { createArchiveStream, openArchiveForWriting } from '../../store/archive/archive-writer.js';
import {
  createDockerArchiveStream,
  openDockerArchiveForWriting,
} from '../../store/archive/docker-archive-writer.js';
import { removeLeftBeside } from '../../store/archive/part-file.js';
import { openLayout, openLayoutForWriting } from '../../store/layout/layout.js';
import type { LayoutReader } from '../../store/layout/layout-reader.js';
import { requirePathMeant } from '../../store/locator.js';
import type { Store } from '../../store/store.js';
import type { Destination, OutputSize } from '../destination.js';
import { isLeftOut, nameAfter } from '../distinct-names.js';
import type { Plan } from '../plan.js';
import { isMadeOf, isWhole } from './already-made.js';
import { checkFor } from './check.js';
import {
  type ArchiveCompression,
  type ArchiveCompressionOptions,
  archiveCompressionOf,
  compressedArchive,
  compressedStream,
  openCompressedFile,
} from './compressed-archive.js';
import { type MeasureOptions, measureFile, surveyFiles } from './survey-files.js';
import { type OutputFiles, type SaveFormat, writeFiles } from './write-files.js';

export interface SaveOutputOptions extends ArchiveCompressionOptions {
  /** Default: `oci` if `output` is a directory or ends in `/`, else `universal`. */
  format?: SaveFormat | undefined;
  /** Keep the images that the output already contains; default false. */
  append?: boolean | undefined;
  /** Make a docker-archive that Docker before 1.10 can read, too; default false. */
  dockerLegacy?: boolean | undefined;
  /** The platform in the Docker half of an archive; default linux/amd64, or else the first. */
  dockerPlatform?: Platform | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
  /** Refuse to let a name that is there stand for something else; default false. */
  noClobber?: boolean | undefined;
  /** The new name of the only image. */
  name?: string | undefined;
  /** Paths that are read at the same time; the output must not be one of them. */
  inputs?: readonly string[] | undefined;
}

/** An archive, a layout, or a stream of an archive. */
export interface FilesDestination extends Destination {
  format: SaveFormat;
}

/** Examines what is at `output` without writing; rejects if writing would lose something there. */
export async function toFiles(
  output: string | Writable,
  options: SaveOutputOptions,
): Promise<FilesDestination> {
  const files = await lookAt(output, options);
  if (typeof output === 'string') files.onWritten = () => renewChecksum(output, files.format, options);
  const { location, format, previous } = files;
  return {
    location,
    format,
    previous,
    check: checkFor(files, options.name, options.noClobber === true),
    nameOf: (image, placed) => (isLeftOut(image, placed) ? undefined : nameAfter(image, placed)),
    write: (images, write) => writeFiles(files, images, write),
    survey: (images, write) => surveyFiles(files, images, write),
    close: async () => previous?.close(),
  };
}

/** What was written has another sum than before, and `SHA256SUMS` beside it would say that it is damaged. */
async function renewChecksum(output: string, format: SaveFormat, options: SaveOutputOptions): Promise<void> {
  const whole = resolve(output);
  const sums = join(dirname(whole), 'SHA256SUMS');
  if (!(await fs.pathExists(sums))) return;
  const path = format === 'oci' ? join(whole, 'index.json') : whole;
  const warn = warningsTo(options.onEvent);
  try {
    const { renewSum } = await import('../../disk/checksum-file.js');
    if (await renewSum(sums, path, options)) warn(`${sums}: the sum of ${output} was renewed`);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    warn(`${sums} may have the sum of ${output} as it was before: ${messageOf(error)}`);
  }
}

async function lookAt(output: string | Writable, options: SaveOutputOptions): Promise<OutputFiles> {
  if (options.dockerLegacy && options.format !== 'docker-archive') {
    throw new LadingError('USAGE', 'only a docker-archive can be made for Docker before 1.10', {
      remedy: 'format',
      remedyFor: 'docker-archive',
    });
  }
  if (typeof output !== 'string') return streamOutput(output, options);
  await requirePathMeant(output);
  const found = await requireWritable(output);
  for (const input of options.inputs ?? []) await requireOther(output, input);
  if (found !== undefined && !found.isDirectory() && !found.isFile())
    throw alreadyExists(output, 'it is neither a file nor a directory');
  const isDirectory = found?.isDirectory() ?? output.endsWith('/');
  const format = options.format ?? (isDirectory ? 'oci' : 'universal');
  if (found !== undefined && isDirectory !== (format === 'oci')) {
    throw new LadingError(
      'ALREADY_EXISTS',
      `${output} is a ${isDirectory ? 'directory' : 'file'}, but ${format} is written to a ${isDirectory ? 'file' : 'directory'}`,
      {
        hint: 'Choose another output, or another format.',
        remedy: 'format',
      },
    );
  }
  if (format === 'oci') {
    requireNoArchiveName(output, found !== undefined, options);
    return layoutOutput(output, found !== undefined, options);
  }
  const compression = archiveCompressionOf(output, options);
  if (compression !== undefined) return compressedOutput(output, format, found, compression, options);
  return archiveOutput(output, format, found, options);
}

/** Rejects a layout whose name, or whose options, are those of an archive; a path that ends in `/` is meant. */
function requireNoArchiveName(
  directory: string,
  exists: boolean,
  { archiveCompression = 'none' }: ArchiveCompressionOptions,
): void {
  if (archiveCompression !== 'none')
    throw new LadingError('USAGE', 'a layout is a directory: only an archive is compressed as a whole', {
      remedy: 'format',
    });
  if (exists || directory.endsWith('/') || promisedForm(directory) === undefined) return;
  throw new LadingError('USAGE', `${directory} has the name of an archive, and a layout is a directory`, {
    hint: `Write ${directory}/ if the directory is meant.`,
    remedy: 'format',
  });
}

function measured(
  plan: Plan,
  format: Exclude<SaveFormat, 'oci'>,
  options: SaveOutputOptions,
  how: MeasureOptions,
): Promise<OutputSize> {
  return measureFile(plan, format, { ...options, onWarning: warningsTo(options.onEvent) }, how);
}

function streamOutput(stream: Writable, options: SaveOutputOptions): OutputFiles {
  const { format = 'universal', append } = options;
  if (append) throw new LadingError('USAGE', 'nothing can be appended to standard output');
  if (format === 'oci')
    throw new LadingError('USAGE', 'a layout is a directory: it cannot go to standard output');
  const compression = archiveCompressionOf(undefined, options);
  const openTo = streamedArchive(format, options);
  return {
    location: '-',
    format,
    previous: undefined,
    isMadeOf: async () => false,
    canLeaveOut: format === 'docker-archive',
    measure: (plan) => measured(plan, format, options, { isCompressed: compression !== undefined }),
    openStore: () =>
      compression === undefined
        ? openTo(stream)
        : compressedArchive(openTo, compressedStream(stream), compression),
  };
}

/** An archive that is compressed as a whole: it is written from start to end, and not changed afterwards. */
function compressedOutput(
  path: string,
  format: Exclude<SaveFormat, 'oci'>,
  found: fs.Stats | undefined,
  compression: ArchiveCompression,
  options: SaveOutputOptions,
): OutputFiles {
  if (found !== undefined)
    throw alreadyExists(path, 'a compressed archive is not changed once it is written');
  return {
    location: path,
    format,
    previous: undefined,
    isMadeOf: async () => false,
    canLeaveOut: format === 'docker-archive',
    measure: (plan) => measured(plan, format, options, { isCompressed: true }),
    openStore: async () => {
      const target = await openCompressedFile(path, lockOptions(options) ?? {});
      const store = await compressedArchive(
        streamedArchive(format, options, dirname(resolve(path))),
        target,
        compression,
      );
      return unchangedSince(found, path, store);
    },
  };
}

/** Returns a function that opens an archive in a stream; temporary files of it lie in `directory`. */
function streamedArchive(
  format: Exclude<SaveFormat, 'oci'>,
  options: SaveOutputOptions,
  directory?: string,
): (stream: Writable) => Promise<Store> {
  const { dockerPlatform } = options;
  return async (stream) =>
    format === 'docker-archive'
      ? createDockerArchiveStream(stream, { ...dockerOptions(options), directory })
      : createArchiveStream(stream, { format, dockerPlatform, onWarning: warningsTo(options.onEvent) });
}

async function layoutOutput(
  directory: string,
  exists: boolean,
  options: SaveOutputOptions,
): Promise<OutputFiles> {
  const hasLayout =
    exists &&
    (await fs.pathExists(`${directory}/index.json`)) &&
    (await fs.pathExists(`${directory}/oci-layout`));
  const previous = hasLayout ? await openLayout(directory) : undefined;
  previous?.requireOneMeaning();
  return {
    location: directory,
    format: 'oci',
    previous,
    isMadeOf: async () => false,
    canLeaveOut: true,
    measure: async ({ bytes }) => ({ bytes, kind: 'about' }),
    openStore: () => openLayoutForWriting(directory, lockOptions(options)),
  };
}

async function archiveOutput(
  path: string,
  format: Exclude<SaveFormat, 'oci'>,
  found: fs.Stats | undefined,
  options: SaveOutputOptions,
): Promise<OutputFiles> {
  const { append, dockerPlatform, signal } = options;
  if (format === 'docker-archive') {
    if (found !== undefined) throw alreadyExists(path, 'a docker-archive is not changed once it is written');
    return {
      location: path,
      format,
      previous: undefined,
      isMadeOf: async () => false,
      canLeaveOut: true,
      measure: (plan) => measured(plan, format, options, {}),
      openStore: async () =>
        unchangedSince(found, path, await openDockerArchiveForWriting(path, dockerOptions(options))),
    };
  }
  const previous = found === undefined ? undefined : await openPrevious(path, signal);
  return {
    location: path,
    format,
    previous,
    async isMadeOf(plan) {
      if (previous === undefined || append || dockerPlatform !== undefined) return false;
      if ((await previous.hasFile('manifest.json')) !== (format === 'universal')) return false;
      if (!(await isMadeOf(previous, plan))) return false;
      // Another user may have put a file there that only looks right.
      if (!(await isOwnFile(await fs.realpath(path))) && !(await isWhole(previous, plan))) return false;
      await removeLeftBeside(path);
      return true;
    },
    canLeaveOut: true,
    measure: async (plan) =>
      measured(plan, format, options, { dockerConfigs: await previous?.dockerConfigs() }),
    openStore: async () => {
      const store = await openArchiveForWriting(path, {
        format,
        dockerPlatform,
        dockerConfigs: await previous?.dockerConfigs(),
        onWarning: warningsTo(options.onEvent),
        ...lockOptions(options),
      });
      return unchangedSince(found, path, store);
    },
  };
}

/**
 * Returns the store, which only this process can write to now. If another process finished the archive while this one
 * waited for the lock, the plan does not include its images, and they would be lost: then rejects with
 * `ALREADY_EXISTS`.
 */
async function unchangedSince(found: fs.Stats | undefined, path: string, store: Store): Promise<Store> {
  const now = await statOrUndefined(path);
  if (now?.ino === found?.ino && now?.mtimeMs === found?.mtimeMs) return store;
  await store.close();
  throw new LadingError('ALREADY_EXISTS', `${path} was written by another process meanwhile`, {
    hint: 'Run the same command again.',
  });
}

async function openPrevious(path: string, signal: AbortSignal | undefined): Promise<LayoutReader> {
  try {
    return await openLayoutArchive(path, { signal });
  } catch (error) {
    if (!isLadingError(error, 'INVALID_ARCHIVE', 'INVALID_LAYOUT', 'UNSUPPORTED', 'INVALID_MANIFEST'))
      throw error;
    throw alreadyExists(path, 'it is not an archive that lading can add to', error);
  }
}

function dockerOptions(options: SaveOutputOptions): Parameters<typeof openDockerArchiveForWriting>[1] {
  return { ...lockOptions(options), legacy: options.dockerLegacy, onWarning: warningsTo(options.onEvent) };
}

function lockOptions({ signal, onEvent }: SaveOutputOptions): Parameters<typeof openLayoutForWriting>[1] {
  return { signal, onWait: (holder) => onEvent?.({ type: 'waiting', holder }) };
}

/** Rejects with `USAGE` if the two paths lead to the same file or directory, even by links or different spelling. */
async function requireOther(output: string, input: string): Promise<void> {
  const [written, read] = await Promise.all([statOrUndefined(output), statOrUndefined(input)]);
  if (written === undefined || written.ino !== read?.ino || written.dev !== read.dev) return;
  throw new LadingError('USAGE', `${output} is the input: it would be replaced by the output`, {
    hint: 'Choose another output, and rename it when it is there.',
  });
}

async function statOrUndefined(path: string): Promise<fs.Stats | undefined> {
  return (await fs.pathExists(path)) ? fs.stat(path) : undefined;
}

function alreadyExists(path: string, reason: string, cause?: unknown): LadingError {
  return new LadingError('ALREADY_EXISTS', `${path} exists, and ${reason}`, {
    cause,
    hint: 'Choose another output, or remove the file.',
  });
}
