import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLadingError } from '../../../src/errors.js';
import type { CopyEvent } from '../../../src/events.js';
import { createPool } from '../../../src/pool.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { createRemoteSource } from '../../../src/store/remote/remote-source.js';
import { copyGraph } from '../../../src/transfer/copy.js';
import { Line } from '../../../src/transfer/ranges/line.js';
import { serve, type TestServer } from '../../registry/http-server.js';
import { type MadeImage, makeImage } from '../../support/images.js';
import { readAll } from '../../support/openers.js';
import { planCopy } from '../../support/plan.js';
import { useRegistries } from '../../support/registries.js';
import { useFolder } from '../../support/temporary.js';

const KIB = 1024;
const LAYER = 3 * KIB * KIB;
/** Each connection gets so much every `EVERY_MS`. */
const STEP = 32 * KIB;
const EVERY_MS = 4;

/** What a server does with a request for a range of the layer; `count` is 1 for the first of them. */
type Answer = (range: {
  first: number;
  last: number;
  count: number;
  request: IncomingMessage;
  response: ServerResponse;
}) => 'as usual' | undefined;

describe('a large layer of a registry whose connections are narrow', () => {
  const { start, connect } = useRegistries();
  const path = useFolder();
  let image: MadeImage;
  let layer: Buffer;
  let buckets: TestServer[] = [];

  before(async () => {
    image = await makeImage({ seed: 'narrow', layers: [LAYER] });
    layer = image.layers[0]?.bytes ?? Buffer.alloc(0);
  });
  afterEach(async () => {
    for (const bucket of buckets.splice(0)) await bucket.close();
  });

  /** Sends a part of the layer at the rate of a connection. */
  function sendSlowly(response: ServerResponse, bytes: Buffer): void {
    let at = 0;
    const timer = setInterval(() => {
      const step = bytes.subarray(at, at + STEP);
      at += step.byteLength;
      if (step.byteLength > 0) response.write(step);
      if (at < bytes.byteLength) return;
      clearInterval(timer);
      response.end();
    }, EVERY_MS);
    response.once('close', () => clearInterval(timer));
  }

  function sendWhole(response: ServerResponse, headers: Record<string, string> = {}): void {
    response.writeHead(200, { 'content-length': layer.byteLength, ...headers });
    sendSlowly(response, layer);
  }

  function sendPart(
    response: ServerResponse,
    { first, last, bytes = layer }: { first: number; last: number; bytes?: Buffer },
    headers: Record<string, string> = {},
  ): void {
    const range = {
      'content-range': `bytes ${first}-${last}/${layer.byteLength}`,
      'content-length': last - first + 1,
    };
    response.writeHead(206, { ...range, ...headers });
    sendSlowly(response, bytes.subarray(first, last + 1));
  }

  let ranges = 0;
  function sendLayer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const [, first, last = layer.byteLength - 1] =
      /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '') ?? [];
    if (first === undefined) {
      sendWhole(response);
      return;
    }
    const range = { first: Number(first), last: Number(last) };
    ranges++;
    if (answer({ ...range, count: ranges, request, response }) === 'as usual') sendPart(response, range);
  }

  /** Saves the image from a registry that answers like this to requests for ranges; it has to be right. */
  async function saveThrough(
    answer: Answer,
    { retries = 3, bucket }: { retries?: number; bucket?: () => string } = {},
  ): Promise<{ events: CopyEvent[]; reasons: string[]; server: TestServer }> {
    ranges = 0;
    const contents = new Map(image.all.map((content) => [content.descriptor.digest as string, content]));
    const server = await start((request, response) => {
      const { url = '' } = request;
      const digest = url.endsWith('/manifests/1')
        ? image.manifest.descriptor.digest
        : url.slice(url.lastIndexOf('/') + 1);
      const content = contents.get(digest);
      if (content === undefined) response.writeHead(404).end();
      else if (content !== image.layers[0])
        response.writeHead(200, { 'content-type': content.descriptor.mediaType }).end(content.bytes);
      else if (bucket !== undefined) response.writeHead(307, { location: bucket() }).end();
      else sendLayer(request, response, answer);
    });
    const client = connect({ retries: 0 });
    const source = createRemoteSource(client, { registry: server.host, repository: 'team/app' });
    const plan = await planCopy([{ source, reference: '1', name: 'app:1' }]);
    const pool = createPool(4);
    const line = new Line(pool, {
      limits: {
        minBytes: 256 * KIB,
        pieceBytes: 128 * KIB,
        trialBytes: 512 * KIB,
        windowBytes: 1024 * KIB,
        intervalMs: 20,
        patienceMs: 500,
      },
    });
    // Whether a second connection helps is not what is tested here, and a busy machine could spoil it.
    line.found(server.host, 'narrow');
    const events: CopyEvent[] = [];
    const onEvent = (event: CopyEvent): void => {
      events.push(event);
    };
    const layout = await openLayoutForWriting(path('out'));
    try {
      await copyGraph(plan, layout, { pool, line, retries, onEvent });
      for (const { descriptor, bytes } of image.all)
        assert.ok((await readAll(layout, descriptor)).equals(bytes), 'wrong content');
    } finally {
      await layout.close();
    }
    const reasons = events.flatMap((event) => (event.type === 'connections' ? [event.reason] : []));
    return { events, reasons, server };
  }

  const usual: Answer = () => 'as usual';

  it('comes over several at once', async () => {
    const { reasons, server } = await saveThrough(usual);
    assert.deepEqual(reasons, ['narrow']);
    const asked = server.headers.flatMap(({ range }) => (range === undefined ? [] : [range]));
    assert.ok(asked.length > 5, asked.join());
    assert.equal(new Set(asked).size, asked.length);
  });

  it('comes over one where each request for a range gets everything', async () => {
    const { reasons, events } = await saveThrough(({ response, count }) => {
      if (count > 3) return 'as usual';
      sendWhole(response);
      return undefined;
    });
    assert.equal(reasons.at(-1), 'refused');
    assert.ok(events.every(({ type }) => type !== 'retrying'));
  });

  it('comes whole where the second request for a range gets everything', async () => {
    const { reasons } = await saveThrough(({ response, count }) => {
      if (count !== 2) return 'as usual';
      sendWhole(response);
      return undefined;
    });
    assert.equal(reasons.at(-1), 'refused');
  });

  it('comes whole where every answer has another ETag', async () => {
    const { reasons } = await saveThrough(({ response, count, ...range }) => {
      sendPart(response, range, { etag: `"${count}"` });
      return undefined;
    });
    assert.deepEqual(reasons, ['narrow']);
  });

  it('is fetched once more over one connection where a part was wrong', async () => {
    const wrong = Buffer.from(layer.map((byte) => byte ^ 1));
    const { reasons, events } = await saveThrough(({ response, count, ...range }) => {
      if (count !== 3) return 'as usual';
      sendPart(response, { ...range, bytes: wrong });
      return undefined;
    });
    assert.deepEqual(reasons, ['narrow', 'damaged']);
    const retried = events.flatMap((event) => (event.type === 'retrying' ? [event.error] : []));
    assert.ok(retried.length === 1 && isLadingError(retried[0], 'DIGEST_MISMATCH'));
  });

  for (const [what, spoil] of [
    ['breaks off', (response: ServerResponse) => response.destroy()],
    ['ends too early', (response: ServerResponse) => response.end()],
  ] as const) {
    it(`comes whole where the answer for a part ${what}`, async () => {
      const { reasons } = await saveThrough(({ response, count, first, last }) => {
        if (count !== 2 && count !== 5) return 'as usual';
        const range = { 'content-range': `bytes ${first}-${last}/${layer.byteLength}` };
        response.writeHead(
          206,
          what === 'breaks off' ? { ...range, 'content-length': last - first + 1 } : range,
        );
        response.write(layer.subarray(first, first + 50_000), () => setTimeout(() => spoil(response), 10));
        return undefined;
      });
      assert.deepEqual(reasons.slice(0, 2), ['narrow', 'failed']);
    });
  }

  it('comes whole where the registry allows two connections', async () => {
    let open = 0;
    const { reasons } = await saveThrough(({ response }) => {
      response.once('close', () => open--);
      if (++open <= 2) return 'as usual';
      response.writeHead(429).end();
      return undefined;
    });
    assert.equal(reasons[0], 'narrow');
    assert.ok(reasons.includes('failed') && !reasons.includes('refused'));
  });

  it('asks the registry again for a place in a bucket when its signature has expired', async () => {
    let signatures = 0;
    const uses = new Map<string, number>();
    const bucket = await serve((request, response) => {
      const { url = '' } = request;
      const count = (uses.get(url) ?? 0) + 1;
      uses.set(url, count);
      if (count > 6) response.writeHead(403).end();
      else sendLayer(request, response, usual);
    });
    buckets = [bucket];
    const { reasons, events } = await saveThrough(usual, {
      bucket: () => `${bucket.origin}/layer?signature=${++signatures}`,
    });
    assert.deepEqual(reasons, ['narrow']);
    assert.ok([...uses.values()].some((count) => count > 6));
    assert.ok(events.every(({ type }) => type !== 'retrying'));
  });

  it('fails where it is wrong again and again, as always', async () => {
    const right = layer;
    layer = Buffer.from(right.map((byte, index) => (index > right.byteLength / 2 ? byte ^ 1 : byte)));
    try {
      const saving = saveThrough(usual, { retries: 0 });
      await assert.rejects(saving, (error) => isLadingError(error, 'DIGEST_MISMATCH'));
    } finally {
      layer = right;
    }
  });
});
