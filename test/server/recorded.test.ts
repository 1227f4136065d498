import assert from 'node:assert/strict';
import type { Digest } from '../../src/content/digest.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source } from '../../src/store/store.js';
import { fixture } from '../support/fixtures.js';
import { type Content, contentOf, pushAll } from '../support/images.js';
import { type Served, serve } from '../support/registry-server.js';

interface Exchange {
  note: string;
  request: { method: string; path: string; headers: Record<string, string> };
  response: { status: number; headers: [name: string, value: string][]; body: string | { base64?: string } };
}

const { exchanges } = JSON.parse(fixture('http/docker-registry-2.8.2.json').toString()) as {
  exchanges: Exchange[];
}; // recorded by the project in this format

/** The reading exchanges in which both servers agree; the others follow below. */
const AGREED = [
  'API version check',
  'manifest by tag, schema2 accepted',
  'manifest by digest, no Accept: stored bytes',
  'If-None-Match with the stored digest wins over conversion',
  'unknown tag',
  'unknown repository',
  'tags of unknown repository',
  'catalog',
  'catalog page 1',
  'blob GET',
  'blob HEAD',
  'blob range',
  'blob unknown',
  'blob malformed digest',
  'blob range unsatisfiable',
  'wrong method',
];

describe('beside the recorded answers of docker-registry 2.8.2', () => {
  let served: Served;
  before(async () => {
    const store = createMemoryStore();
    const manifest = recordedBody('manifest by tag, schema2 accepted');
    await pushAll(store, [manifest, recordedBody('blob GET')]);
    await store.tag(manifest.descriptor, 'v1');
    const names = ['t/s1push', 't/s2', 't/s3', 't/up'];
    served = await serve(Object.fromEntries(names.map((name) => [name, withRecordedConfig(store)])));
  });
  after(() => served.close());

  for (const note of AGREED) {
    it(`gives the same status and headers: ${note}`, async () => {
      const { request, response } = recorded(note);
      const reply = await served.ask(request.path, request);
      assert.equal(reply.status, response.status);
      for (const [name, value] of response.headers) {
        if (response.status >= 400 && isOfErrorBody(name)) continue;
        if (name === 'Content-Length' && isList(request.path)) continue; // distribution ends lists with a line feed
        assert.equal(reply.headers[name.toLowerCase()], value, name);
      }
      assert.equal(reply.complete, true);
      if (isList(request.path) && response.status === 200)
        assert.deepEqual(JSON.parse(reply.body.toString()), JSON.parse(String(response.body)));
    });
  }
});

function recorded(note: string): Exchange {
  const exchange = exchanges.find((candidate) => candidate.note === note);
  assert.ok(exchange, note);
  return exchange;
}

function isList(path: string): boolean {
  return /_catalog|tags\/list/.test(path);
}

/**
 * Removes what lading sends in addition: error bodies have their own detail, and are JSON also for a wrong method or
 * range; a refused range has the length of the error; only reading methods are allowed.
 */
function isOfErrorBody(name: string): boolean {
  return [
    'Content-Length',
    'Content-Type',
    'Allow',
    'Etag',
    'Docker-Content-Digest',
    'Cache-Control',
  ].includes(name);
}

function recordedBody(note: string): Content {
  const { headers, body } = recorded(note).response;
  const [, mediaType = ''] = headers.find(([name]) => name === 'Content-Type') ?? [];
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.base64 ?? '', 'base64');
  return contentOf(mediaType, bytes);
}

/** Only the head of the config was recorded, which is enough for HEAD. */
function withRecordedConfig(store: Source): Source {
  const { path } = recorded('blob HEAD').request;
  const digest = path.slice(path.lastIndexOf('/') + 1) as Digest; // a real registry had it
  return { ...store, sizeOf: async (wanted) => (wanted.digest === digest ? 860 : store.sizeOf(wanted)) };
}
