import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import type { Descriptor } from '../../src/content/descriptor.js';
import { isManifest } from '../../src/content/media-types.js';
import { ContentError, LadingError } from '../../src/errors.js';
import { manifestDigest, parseManifest, successors } from '../../src/manifest/manifest.js';
import { convert } from '../../src/operations/convert/convert.js';
import { load } from '../../src/operations/load.js';
import { openServedStores } from '../../src/operations/serve/stores.js';
import { verify } from '../../src/operations/verify/verify.js';
import type { AccessEntry } from '../../src/server/operational/access-log.js';
import { createRegistryServer } from '../../src/server/server.js';
import { readContent, readVerified } from '../../src/store/read-content.js';
import type { Source } from '../../src/store/store.js';
import { ask } from '../support/registry-server.js';
import { startUploadRegistry } from '../support/upload-registry.js';
import { ARCHIVE, type Files } from './mutations.js';
import type { Subject } from './subjects.js';

export const OPERATIONS = ['verify', 'load', 'convert', 'serve'] as const;
export type Operation = (typeof OPERATIONS)[number];

export type Outcome =
  /** Every image that came out, by name; `verify` gives none. All that they need came too, and hashes to its digests. */
  | { type: 'done'; images: ReadonlyMap<string, string> }
  /** Said that the content is wrong: the exit code of the command. */
  | { type: 'refused'; exitCode: number; message: string }
  /** A crash, a hang, or content that is not what it is called. */
  | { type: 'wrong'; message: string };

/** Nothing here takes a second on a quiet machine. */
const HANG_MS = 30_000;

/** What each operation makes of these files. */
export async function outcomesOf(
  files: Files,
  { load: loadOptions }: Pick<Subject, 'load'>,
  folder: string,
): Promise<Record<Operation, Outcome>> {
  const path = await writeFiles(files, folder);
  const within = join(folder, 'out');
  const runs: Record<Operation, () => Promise<Outcome>> = {
    verify: () => runVerify(path),
    load: () => runLoad(path, loadOptions),
    convert: () => runConvert(path, within),
    serve: () => runServe(path),
  };
  try {
    const outcomes = await Promise.all(OPERATIONS.map((operation) => judged(runs[operation])));
    const byName = Object.fromEntries(OPERATIONS.map((operation, place) => [operation, outcomes[place]]));
    return byName as Record<Operation, Outcome>; // one for each operation
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFiles(files: Files, folder: string): Promise<string> {
  const root = join(folder, 'in');
  await mkdir(root, { recursive: true });
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  return files.has(ARCHIVE) ? join(root, ARCHIVE) : root;
}

class Wrong extends Error {}

async function judged(run: () => Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ type: 'wrong', message: 'it hangs' }), HANG_MS);
  });
  try {
    return await Promise.race([run(), hang]);
  } catch (error) {
    if (error instanceof LadingError)
      return { type: 'refused', exitCode: exitCodeOf(error), message: `${error.code}: ${error.message}` };
    const message =
      error instanceof Error
        ? `${error.stack}${error.cause ? `\n    because of ${error.cause}` : ''}`
        : String(error);
    return { type: 'wrong', message };
  } finally {
    clearTimeout(timer);
  }
}

async function runVerify(path: string): Promise<Outcome> {
  const { ok, findings } = await verify(path);
  const [first] = findings;
  if (ok !== (first === undefined)) throw new Wrong('the result contradicts itself');
  if (first === undefined) return { type: 'done', images: new Map() };
  // The command ends with 3 when anything was found.
  return { type: 'refused', exitCode: 3, message: `${first.code}: ${first.message}` };
}

async function runLoad(path: string, options: Subject['load']): Promise<Outcome> {
  const registry = await startUploadRegistry();
  try {
    const held = (): Promise<Map<string, string>> => imagesIn(registry.repositories());
    try {
      await load({
        input: path,
        destination: registry.host,
        plainHTTP: true,
        onEvent: refuseRetries,
        ...options,
      });
    } catch (error) {
      // The list of attachments of a subject stands under a tag because a registry without the referrers API knows no other
      // place. It is written as soon as what it lists is there, and names nothing that is not.
      const named = [...(await held()).keys()].filter((name) => !/:sha256-[0-9a-f]{64}$/.test(name));
      if (named.length > 0)
        throw new Wrong(`load failed, but ${named.join(', ')} is there`, { cause: error });
      throw error;
    }
    return { type: 'done', images: await held() };
  } finally {
    await registry.close();
  }
}

/** What is wrong in a file is wrong at every try. */
function refuseRetries(event: { type: string; error?: unknown }): void {
  if (event.type === 'retrying') throw new Wrong(`it is tried again: ${event.error}`);
}

/** The images in these repositories, once all that they need was found there and hashed. */
async function imagesIn(repositories: ReadonlyMap<string, Source>): Promise<Map<string, string>> {
  const images = new Map<string, string>();
  for (const [repository, store] of repositories) {
    for await (const { name, descriptor } of store.names()) {
      await requireWhole(store, descriptor);
      if (!name.startsWith('sha256:')) images.set(`${repository}:${name}`, descriptor.digest);
    }
  }
  return images;
}

async function requireWhole(store: Source, descriptor: Descriptor): Promise<void> {
  try {
    if (!isManifest(descriptor.mediaType)) {
      await readVerified(descriptor, (options) => store.fetch(descriptor, options));
      return;
    }
    const { manifests, blobs } = successors(parseManifest(await readContent(store, descriptor), descriptor));
    for (const child of [...manifests, ...blobs]) await requireWhole(store, child);
  } catch (error) {
    throw new Wrong(`${descriptor.digest} did not arrive as it is`, { cause: error });
  }
}

async function runConvert(path: string, output: string): Promise<Outcome> {
  let images: Map<string, string>;
  try {
    const result = await convert({ source: path, output: `${output}/`, to: 'oci', onEvent: refuseRetries });
    images = new Map(result.images.map(({ name, to }) => [name, to.digest]));
  } catch (error) {
    const { manifests } = await indexIn(output);
    if (manifests.length > 0) throw new Wrong('convert failed, but named what it wrote', { cause: error });
    await requireTrueNames(output);
    throw error;
  }
  await requireTrueNames(output);
  const { ok, findings } = await verify(output, { diffIDs: false });
  if (!ok) throw new Wrong(`what convert wrote is not right: ${findings[0]?.message}`);
  return { type: 'done', images };
}

async function indexIn(layout: string): Promise<{ manifests: unknown[] }> {
  const path = join(layout, 'index.json');
  return existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : { manifests: [] };
}

/** Every blob under its final name has that digest. */
async function requireTrueNames(layout: string): Promise<void> {
  const blobs = join(layout, 'blobs/sha256');
  for (const name of existsSync(blobs) ? await readdir(blobs) : []) {
    const hex = createHash('sha256')
      .update(await readFile(join(blobs, name)))
      .digest('hex');
    if (hex !== name) throw new Wrong(`${name} has the content ${hex}`);
  }
}

async function runServe(path: string): Promise<Outcome> {
  const damaged: string[] = [];
  const onWarning = (text: string) => /is not served, because it is damaged/.test(text) && damaged.push(text);
  const stores = await openServedStores([path], { onWarning });
  const entries: AccessEntry[] = [];
  const server = createRegistryServer({
    openRepository: (name) => stores.openRepository(name),
    listRepositories: () => stores.listRepositories(),
    onRequest: (entry) => entries.push(entry),
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const client = new Client(port, entries);
  try {
    const images = new Map<string, string>();
    const { repositories } = await client.document('/v2/_catalog');
    for (const repository of repositories ?? []) {
      const { tags } = await client.document(`/v2/${repository}/tags/list`);
      for (const tag of tags ?? []) images.set(`${repository}:${tag}`, await client.pull(repository, tag));
    }
    // What is served beside a damaged image has been pulled above; the user was told what is missing.
    const [message] = damaged;
    return message === undefined ? { type: 'done', images } : { type: 'refused', exitCode: 3, message };
  } finally {
    await server.close();
    await stores.close();
  }
}

/** Pulls as every client does: nothing is believed that does not hash to its digest. */
class Client {
  readonly #port: number;
  readonly #entries: readonly AccessEntry[];
  readonly #pulled = new Set<string>();

  constructor(port: number, entries: readonly AccessEntry[]) {
    this.#port = port;
    this.#entries = entries;
  }

  async document(path: string): Promise<{ repositories?: string[]; tags?: string[] }> {
    return JSON.parse((await this.#get(path)).body.toString());
  }

  /** The digest behind a tag, after everything that it needs was pulled. */
  async pull(repository: string, reference: string): Promise<string> {
    const { body, headers } = await this.#get(`/v2/${repository}/manifests/${reference}`);
    const mediaType = String(headers['content-type']);
    const digest = String(headers['docker-content-digest']);
    const key = `${repository} ${digest}`;
    if (this.#pulled.has(key)) return digest;
    this.#pulled.add(key);
    if (manifestDigest(body, mediaType) !== digest || (reference.includes(':') && reference !== digest))
      throw new Wrong(`the manifest ${digest} is served with other content`);
    const { manifests, blobs } = successors(parseManifest(body, { mediaType }));
    for (const child of manifests) await this.pull(repository, child.digest);
    for (const blob of blobs) await this.#pullBlob(repository, blob);
    return digest;
  }

  async #pullBlob(repository: string, { digest, size }: Descriptor): Promise<void> {
    const { body } = await this.#get(`/v2/${repository}/blobs/${digest}`);
    const hex = createHash('sha256').update(body).digest('hex');
    if (`sha256:${hex}` !== digest || body.length !== size)
      throw new Wrong(`the blob ${digest} is served with other content`);
  }

  async #get(path: string) {
    const told = this.#entries.length;
    const reply = await ask(this.#port, path, { headers: { accept: '*/*' } });
    if (reply.status === 200 && reply.complete) return reply;
    await new Promise(setImmediate); // the log follows the answer
    const { error } = this.#entries[told] ?? {};
    if (
      error !== undefined &&
      !(error instanceof LadingError || /^content (is longer|ended)/.test(String((error as Error).message)))
    )
      throw new Wrong(`${path}: the server failed`, { cause: error });
    throw new ContentError('MISSING_CONTENT', `${path} is answered with ${reply.status}`, { cause: error });
  }
}
