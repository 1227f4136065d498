import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isManifest } from '../../src/content/media-types.js';
import { isLadingError } from '../../src/errors.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { DEFAULT_RETRIES } from '../../src/retry.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { type Content, type MadeIndex, makeImage, makeIndex } from '../support/images.js';
import { getManifest, putBlob, putManifest } from '../support/programs/registry-content.js';
import { startUploadRegistry } from '../support/upload-registry.js';
import type { Ending } from './faults.js';

export const CREDENTIALS = { username: 'carrier', password: 'never to be told to others' };
const REPOSITORY = 'team/app';

export interface Registry {
  /** `HOST:PORT`, plain http. */
  host: string;
  stop(): Promise<void>;
}

/** A registry with an image of two platforms, one of them larger than a packet, and a proxy before it. */
export interface Rig {
  registry: Registry;
  proxy: FaultProxy;
  index: MadeIndex;
  /** What a run without faults saves, by format. */
  undisturbed: { universal: string; oci: string };
  stop(): Promise<void>;
}

/** Our own registry, which takes no shortcuts: nothing is mounted. */
export async function startOwnRegistry(): Promise<Registry> {
  const { host, close } = await startUploadRegistry({ mounts: false });
  return { host, stop: close };
}

export async function startRig(
  folder: string,
  registry: Registry,
  { layers = [300_000, 60_000] }: { layers?: number[] } = {},
): Promise<Rig> {
  const amd64 = await makeImage({ seed: 'faults amd64', layers });
  const platform = { os: 'linux', architecture: 'arm64' };
  const arm64 = await makeImage({ seed: 'faults arm64', layers: [90_000], platform });
  const index = makeIndex([amd64, arm64]);
  for (const content of index.all) await put(registry, content, content === index.manifest ? '1' : undefined);
  const proxy = await startFaultProxy(registry.host);
  const undisturbed = { universal: join(folder, 'undisturbed.tar'), oci: join(folder, 'undisturbed') };
  for (const format of ['universal', 'oci'] as const) await saveThrough(proxy, undisturbed[format], format);
  return {
    registry,
    proxy,
    index,
    undisturbed,
    async stop() {
      await proxy.stop();
      await registry.stop();
    },
  };
}

async function put({ host }: Registry, { descriptor, bytes }: Content, tag?: string): Promise<void> {
  const { mediaType, digest } = descriptor;
  if (isManifest(mediaType)) await putManifest(host, REPOSITORY, tag ?? digest, mediaType, bytes);
  else await putBlob(host, REPOSITORY, mediaType, bytes);
}

export type Format = 'universal' | 'oci';

export interface RunOptions {
  plainHTTP?: boolean;
  caFile?: string;
  /** Default 2, so that what goes on is given up soon. */
  retries?: number;
}

const PLAIN: RunOptions = { plainHTTP: true };
/** With as many attempts as users have: one blob may meet the faults of several kinds of requests. */
export const PATIENT: RunOptions = { ...PLAIN, retries: DEFAULT_RETRIES };

/** Finished blobs, by what the run told. */
export async function saveThrough(
  { host }: FaultProxy,
  output: string,
  format: Format,
  options: RunOptions = PLAIN,
): Promise<{ ending: Ending; done: Set<string> }> {
  const done = new Set<string>();
  const ending = await endingOf(() =>
    save({
      images: [`${host}/${REPOSITORY}:1`],
      output,
      format,
      retries: 2,
      stallTimeoutMs: 300,
      credentials: CREDENTIALS,
      onEvent: (event) => {
        if (event.type === 'done' && !isManifest(event.descriptor.mediaType))
          done.add(event.descriptor.digest);
      },
      ...options,
    }),
  );
  return { ending, done };
}

export function loadThrough(
  { host }: FaultProxy,
  input: string,
  prefix: string,
  options: RunOptions = PLAIN,
): Promise<Ending> {
  return endingOf(() =>
    load({
      input,
      destination: `${host}/${prefix}`,
      retries: 2,
      stallTimeoutMs: 300,
      credentials: CREDENTIALS,
      ...options,
    }),
  );
}

/** How a run ended; what is no `LadingError` is a defect, and so is a run that does not end. */
export async function endingOf(run: () => Promise<unknown>): Promise<Ending> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the run does not end')), 30_000);
  });
  try {
    await Promise.race([run(), late]);
    return 'survived';
  } catch (error) {
    if (isLadingError(error)) return error.code;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether two files, or two folders, have the same bytes. */
export async function isSame(one: string, other: string): Promise<boolean> {
  return (await contentOf(one)) === (await contentOf(other));
}

async function contentOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  if ((await stat(path)).isFile()) return hash.update(await readFile(path)).digest('hex');
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  for (const file of files.sort()) hash.update(`${file.slice(path.length)}\0`).update(await readFile(file));
  return hash.digest('hex');
}

/** The blobs whose content was asked for through the proxy. */
export function blobsAsked({ passed }: FaultProxy): string[] {
  return passed.flatMap(({ method, path }) => {
    const [, digest] = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path) ?? [];
    return method === 'GET' && digest !== undefined ? [digest] : [];
  });
}

/** Everything of the image is in the repository, under its tag. */
export async function requireLoaded({ registry, index }: Rig, repository: string): Promise<void> {
  const tagged = await getManifest(registry.host, repository, '1');
  assert.equal(tagged.digest, index.manifest.descriptor.digest);
  for (const { descriptor, bytes } of index.all) {
    const kind = isManifest(descriptor.mediaType) ? 'manifests' : 'blobs';
    const url = `http://${registry.host}/v2/${repository}/${kind}/${descriptor.digest}`;
    const response = await fetch(url, { headers: { accept: descriptor.mediaType } });
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes), `${url}: ${response.status}`);
  }
}
