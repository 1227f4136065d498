import assert from 'node:assert/strict';
import type { Digest } from '../../../src/content/digest.js';
import type { WritableRepositories, WritableRepository } from '../../../src/store/writable-repository.js';
import { fixture } from '../../support/fixtures.js';
import { contentOf } from '../../support/images.js';
import { createMemoryRepositories } from '../../support/memory-repositories.js';
import { codesOf, type Served, serve } from '../../support/registry-server.js';

interface Exchange {
  note: string;
  request: { method: string; path: string; headers: Record<string, string>; body?: string };
  response: { status: number; headers: [name: string, value: string][]; body: string };
}

const { exchanges } = JSON.parse(fixture('http/docker-registry-2.8.2.json').toString()) as {
  exchanges: Exchange[];
}; // recorded by the project in this format

/**
 * The writing exchanges in which both servers agree, in order, because each starts with the state that another left.
 */
const AGREED = [
  'start upload',
  'PATCH whole body',
  'upload status',
  'PUT with digest query appended',
  'start upload then PUT all at once',
  'PUT body + digest',
  'start upload',
  'PUT with the wrong digest',
  'mount hit',
  'bad mount digest',
  'PUT manifest',
  'PUT manifest by wrong digest',
  'PUT manifest with unknown blobs',
  'PUT with Content-Type that differs from mediaType',
  'DELETE unknown manifest',
  'DELETE blob',
];

describe('pushes beside the recorded answers of docker-registry 2.8.2', () => {
  let served: Served;
  /** The path of the latest upload here, which replaces the recorded one. */
  let upload = '';
  before(async () => {
    const repositories = createMemoryRepositories();
    served = await serve(
      {},
      {
        openRepository: repositories.openRepository,
        writable: { repositories: withRecordedBlobs(repositories) },
      },
    );
    const layer = exchanges.find(({ note }) => note === 'blob GET')?.response.body as unknown; // recorded as base64
    const bytes = Buffer.from((layer as { base64: string }).base64, 'base64');
    const { digest } = contentOf('', bytes).descriptor;
    await served.ask(`/v2/t/s2/blobs/uploads/?digest=${digest}`, { method: 'POST', body: bytes });
  });
  after(() => served.close());

  for (const note of AGREED) {
    it(`give the same status, headers and codes: ${note}`, async () => {
      const recorded = exchanges.find((exchange) => exchange.note === note);
      assert.ok(recorded);
      const { request, response } = recorded;
      const path = request.path.replace(/uploads\/[0-9a-f-]{36}\?_state=[^&]*&?/, `uploads/${upload}?`);
      const reply = await served.ask(path, request);
      assert.equal(reply.status, response.status, reply.body.toString());
      upload = reply.headers['docker-upload-uuid']?.toString() ?? upload;
      for (const [name, value] of response.headers) {
        const own = reply.headers[name.toLowerCase()];
        if (name === 'Docker-Upload-Uuid') assert.match(String(own), /^[0-9a-f-]{36}$/);
        else if (name === 'Location') assert.equal(withoutID(String(own)), withoutID(value));
        else if (name !== 'Content-Length' || response.status < 400) assert.equal(own, value, name);
      }
      if (response.status >= 400)
        assert.deepEqual(codesOf(reply), codesOf({ ...reply, body: Buffer.from(response.body) }));
    });
  }
});

/** Removes what differs: lading's locations are relative, and distribution's absolute ones contain a signed state. */
function withoutID(location: string): string {
  return location.replace(/^http:\/\/[^/]+/, '').replace(/uploads\/.*$/, 'uploads/');
}

/** Adds blobs of the recorded manifest of which only the digest is known. */
function withRecordedBlobs(repositories: WritableRepositories): WritableRepositories {
  const sizes = new Map<Digest, number>([
    ['sha256:e050778c9180bda882a4a433e07d9875de9389365ffe9619fe6642c5a80186fa', 860],
    ['sha256:76de0ad1b7e437ca5f49692f8f7b3dda4441c635b9220996059059ba900d1e16', 120],
  ]);
  return {
    openRepository: (name) => repositories.openRepository(name),
    async openForPush(name) {
      const repository = await repositories.openForPush(name);
      const own: Partial<WritableRepository> = {
        sizeOf: async (content) => sizes.get(content.digest) ?? repository.sizeOf(content),
      };
      return new Proxy(repository, {
        get(target, name) {
          const value = Reflect.get(own, name) ?? Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}
