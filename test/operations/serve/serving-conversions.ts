import assert from 'node:assert/strict';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { Platform } from '../../../src/content/platform.js';
import { type ImageManifest, parseManifest } from '../../../src/manifest/manifest.js';
import { signedPayload } from '../../../src/manifest/schema1/signature.js';
import {
  createConversions,
  type ServeConversionOptions,
  type ServeConversions,
} from '../../../src/operations/serve/conversion.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source, Store } from '../../../src/store/store.js';
import { type Content, contentOf, type MadeImage, type MadeIndex, pushAll } from '../../support/images.js';
import { type Reply, type Served, serve } from '../../support/registry-server.js';

const { ociIndex, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

export const ARM64: Platform = { os: 'linux', architecture: 'arm64' };

type Made = Pick<MadeImage | MadeIndex, 'all' | 'manifest'>;

/** Of the conversions, and of the server itself. */
export interface StartOptions extends ServeConversionOptions {
  schema1Default?: boolean;
}

/** A server that converts what a store holds, which it serves as `app` and as `some/other`. */
export interface ConvertingServer {
  /** What is served from the next `restart` on; a new one for each test. */
  store: Store;
  /** Those of the server that runs now. */
  readonly conversions: ServeConversions;
  /** What it has warned of since it was started. */
  readonly warnings: string[];
  /** The server that runs now. */
  served: Pick<Served, 'ask'>;
  /** Closes the server and starts another, of `store` or of what is given. */
  restart(options?: StartOptions, of?: Source): Promise<void>;
  /** Pushes an image or an index to the store, and gives it tags. */
  keep(made: Made, ...tags: string[]): Promise<void>;
  /** GET of a manifest, after HEAD has given the same head. */
  manifest(reference: string, ...accept: string[]): Promise<Reply>;
  /** The content of a served manifest, after it was found the same under its digest, whatever is accepted then. */
  converted(reference: string, ...accept: string[]): Promise<Content>;
  /** The same of the manifest of an image, parsed. */
  image(reference: string, ...accept: string[]): Promise<ImageManifest>;
  /** A served blob, which has its digest. */
  blob(digest: Digest): Promise<Buffer>;
}

/** Gives the tests of a suite such a server each, which is closed after the test. */
export function useConvertingServer(): ConvertingServer {
  let running: Served;
  let conversions: ServeConversions;
  let store: Store;
  const warnings: string[] = [];
  const served: Pick<Served, 'ask'> = { ask: (path, options) => running.ask(path, options) };

  beforeEach(async () => {
    store = createMemoryStore();
    await start();
  });
  afterEach(() => stop());

  async function start(
    { schema1Default = false, ...options }: StartOptions = {},
    of: Source = store,
  ): Promise<void> {
    warnings.length = 0;
    conversions = createConversions({ onWarning: (message) => warnings.push(message), ...options });
    running = await serve({ app: of, 'some/other': of }, { conversions, schema1Default, drainMs: 0 });
  }
  async function stop(): Promise<void> {
    await conversions.close();
    await running.close();
  }
  async function restart(...[options, of]: Parameters<typeof start>): Promise<void> {
    await stop();
    await start(options, of);
  }
  async function keep({ all, manifest }: Made, ...tags: string[]): Promise<void> {
    await pushAll(store, all);
    for (const tag of tags) await store.tag(manifest.descriptor, tag);
  }
  async function manifest(reference: string, ...accept: string[]): Promise<Reply> {
    const path = `/v2/app/manifests/${reference}`;
    const headers = accept.length === 0 ? {} : { Accept: accept.join(', ') };
    const head = await served.ask(path, { method: 'HEAD', headers });
    const reply = await served.ask(path, { headers });
    assert.equal(head.status, reply.status);
    assert.deepEqual({ ...head.headers, date: '' }, { ...reply.headers, date: '' });
    return reply;
  }
  async function converted(reference: string, ...accept: string[]): Promise<Content> {
    const { status, headers, body } = await manifest(reference, ...accept);
    assert.equal(status, 200, body.toString());
    assert.equal(headers['content-length'], String(body.byteLength));
    assert.equal(headers.vary, 'Accept');
    const { 'content-type': mediaType = '', 'docker-content-digest': digest } = headers;
    assert.equal(headers.etag, `"${digest}"`);
    const payload = mediaType === schema1 ? signedPayload(body) : undefined;
    const content = contentOf(mediaType, payload ?? body);
    assert.equal(digest, content.descriptor.digest);
    for (const other of [[], ['*/*'], [ociIndex]]) {
      const again = await manifest(content.descriptor.digest, ...other);
      assert.deepEqual([again.status, again.headers['content-type']], [200, mediaType]);
      assert.ok(again.body.equals(body));
    }
    return { ...content, bytes: body };
  }
  async function image(reference: string, ...accept: string[]): Promise<ImageManifest> {
    const { bytes, descriptor } = await converted(reference, ...accept);
    return parseManifest(bytes, descriptor) as ImageManifest; // the caller has asked for one
  }
  async function blob(digest: Digest): Promise<Buffer> {
    const { status, body } = await served.ask(`/v2/app/blobs/${digest}`);
    assert.equal(status, 200);
    assert.equal(digestOf(body), digest);
    return body;
  }

  return {
    get store() {
      return store;
    },
    set store(next) {
      store = next;
    },
    get conversions() {
      return conversions;
    },
    warnings,
    served,
    restart,
    keep,
    manifest,
    converted,
    image,
    blob,
  };
}
