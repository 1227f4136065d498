import assert from 'node:assert/strict';
import { Refusal } from '../../../src/server/errors.js';
import { checkHealth } from '../../../src/server/operational/health.js';
import { createMetrics } from '../../../src/server/operational/metrics.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { contentOf, pushAll, randomBytesFrom } from '../../support/images.js';
import { type Served, serve } from '../../support/registry-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('operational', 1000));

describe('/healthz', () => {
  it('is ok as long as the store can be read', async () => {
    let readable = true;
    const served = await serve(
      {},
      {
        async checkStore() {
          if (!readable) throw new Error('pulled out');
        },
      },
    );
    const healthy = await served.ask('/healthz?verbose');
    assert.deepEqual([healthy.status, healthy.body.toString()], [200, 'ok\n']);
    assert.equal(healthy.headers['cache-control'], 'no-store');
    readable = false;
    const broken = await served.ask('/healthz');
    assert.deepEqual([broken.status, broken.body.toString()], [503, 'the store cannot be read\n']);
    const head = await served.ask('/healthz', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [503, 0]);
    assert.equal((await served.ask('/healthz', { method: 'POST' })).status, 405);
    await served.close();
  });

  it('does not wait for ever for a store that hangs', async () => {
    const hanging = { draining: false, checkStore: () => new Promise<void>(() => undefined) };
    assert.deepEqual(await checkHealth(hanging, 1), { healthy: false, text: 'the store cannot be read' });
  });

  it('says that a server which drains wants no more', async () => {
    assert.deepEqual(await checkHealth({ draining: true, checkStore: async () => undefined }), {
      healthy: false,
      text: 'draining',
    });
  });
});

describe('what is asked for in absolute form, as by a proxy', () => {
  const routes: string[] = [];
  let served: Served;
  before(async () => {
    served = await serve(
      {},
      {
        metrics: await createMetrics(),
        authorization: {
          async authorize() {
            throw new Refusal('UNAUTHORIZED', 'nobody comes in');
          },
        },
        onRequest: ({ route }) => routes.push(route),
      },
    );
  });
  after(() => served.close());

  it('is /healthz, which needs no password, and /metrics, which does', async () => {
    const statuses: number[] = [];
    for (const target of [
      'http://host.test/healthz',
      'HTTPS://host.test:1/healthz?x',
      'http://host.test/metrics',
    ])
      statuses.push((await served.ask(target)).status);
    assert.deepEqual(statuses, [200, 200, 401]);
    assert.deepEqual(routes.splice(0), ['healthz', 'healthz', 'metrics']);
  });

  it('is neither where only the host or the query is called so', async () => {
    for (const target of [
      'http://healthz',
      'http://host.test?/healthz',
      '//host.test/healthz',
      'ftp://a/healthz',
    ])
      assert.equal((await served.ask(target)).status, 401, target);
    assert.deepEqual(routes.splice(0), Array(4).fill('none'));
  });
});

describe('/metrics', () => {
  /** Parses metrics into a map from name and labels to value; fails if the exposition format is not valid. */
  function parse(text: string): Map<string, number> {
    const samples = new Map<string, number>();
    for (const line of text.split('\n')) {
      if (line === '' || /^# (HELP|TYPE) [a-z_0-9]+ \S/.test(line)) continue;
      const [, name, value] =
        /^([a-z_0-9]+(?:\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})?) (\S+)$/.exec(line) ?? [];
      // Metrics without a measurement are `Nan`, which Prometheus accepts.
      assert.ok(name !== undefined && (value === 'Nan' || !Number.isNaN(Number(value))), line);
      samples.set(name, Number(value));
    }
    return samples;
  }

  it('is not there where nothing is counted', async () => {
    const served = await serve({});
    assert.equal((await served.ask('/metrics')).status, 404);
    await served.close();
  });

  it('counts requests, their bytes and their time, by what they were for', async () => {
    const store = createMemoryStore();
    await pushAll(store, [blob]);
    const served = await serve({ a: store }, { metrics: await createMetrics() });
    await served.ask(`/v2/a/blobs/${blob.descriptor.digest}`);
    await served.ask(`/v2/a/blobs/${blob.descriptor.digest}`, { method: 'HEAD' });
    for (const name of ['x', 'y', 'z']) await served.ask(`/v2/${name}/tags/list`);
    await served.ask('/nothing', { method: 'PURGE' });
    const reply = await served.ask('/metrics');
    await served.close();
    assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    const samples = parse(reply.body.toString());
    const expected = {
      'lading_http_requests_total{method="GET",route="blob",status="200"}': 1,
      'lading_http_requests_total{method="HEAD",route="blob",status="200"}': 1,
      'lading_http_requests_total{method="GET",route="tags",status="404"}': 3,
      'lading_http_requests_total{method="other",route="none",status="404"}': 1,
      'lading_http_sent_bytes_total{route="blob"}': 1000,
      'lading_http_request_duration_seconds_count{method="GET",route="blob"}': 1,
      'lading_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="tags"}': 3,
      lading_http_connections: 1,
      lading_http_requests_in_progress: 0,
      lading_uploads_in_progress: 0,
      lading_conversions_total: 0,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    assert.ok((samples.get('process_resident_memory_bytes') ?? 0) > 0);
  });

  it('has a number of its own for every server', async () => {
    const [first, second] = await Promise.all([createMetrics(), createMetrics()]);
    first.countConversion();
    const now = { connections: 0, requests: 0, uploads: 0 };
    const count = async (metrics: typeof first) =>
      parse((await metrics.render(now)).text).get('lading_conversions_total');
    assert.deepEqual([await count(first), await count(second)], [1, 0]);
  });

  it('leaves nothing behind of a server that is gone', async () => {
    const usedAfter = async (servers: number): Promise<number> => {
      for (let server = 0; server < servers; server++) await createMetrics();
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = await usedAfter(20);
    const after = await usedAfter(200);
    assert.ok(after - before < 1_000_000, `${after - before} bytes`);
  });
});
