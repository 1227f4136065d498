import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { type ErrorCode, LadingError } from '../../../src/errors.js';
import type { WritableRepository } from '../../../src/store/writable-repository.js';
import { makeImage } from '../../support/images.js';
import { codesOf, type Reply } from '../../support/registry-server.js';
import { serveWritable } from '../../support/writable-server.js';

/** What a client gets when the store fails to keep a manifest although all its parts are there. */
async function putWhileFailing(code: ErrorCode): Promise<Reply> {
  const image = await makeImage({ seed: 1 });
  const served = await serveWritable();
  try {
    await served.pushAll([...image.layers, image.config]);
    const { openForPush } = served.repositories;
    served.repositories.openForPush = async (name) => {
      const repository: WritableRepository = await openForPush(name);
      repository.putManifest = async () => {
        throw new LadingError(code, 'secret place on this disk');
      };
      return repository;
    };
    return await served.pushManifest(image.manifest, 'v1');
  } finally {
    await served.close();
  }
}

describe('a store that cannot keep what is pushed', () => {
  const answers: [code: ErrorCode, status: number, told: string][] = [
    ['LOCKED', 503, 'UNAVAILABLE'],
    ['NO_SPACE', 507, 'UNAVAILABLE'],
    ['MISSING_CONTENT', 400, 'MANIFEST_BLOB_UNKNOWN'],
    ['TOO_LARGE', 507, 'UNAVAILABLE'],
    ['IO', 500, 'UNKNOWN'],
  ];
  for (const [code, status, told] of answers) {
    it(`is answered with ${status} for ${code}`, async () => {
      const reply = await putWhileFailing(code);
      assert.deepEqual([reply.status, codesOf(reply)], [status, [told]]);
      assert.equal(reply.headers['retry-after'], code === 'LOCKED' ? '1' : undefined);
    });
  }

  it('is answered with 404 for an upload that another process has ended, which counts no more', async () => {
    const served = await serveWritable({ maxSessions: 1 });
    try {
      const { openForPush } = served.repositories;
      served.repositories.openForPush = async (name) => {
        const repository = await openForPush(name);
        const gone = async (): Promise<never> => {
          throw new LadingError('NOT_FOUND', 'secret place on this disk');
        };
        const openUpload = repository.openUpload.bind(repository);
        repository.openUpload = async (id) => {
          const upload = await openUpload(id);
          return upload && { id, size: 0, append: gone, commit: gone, cancel: gone };
        };
        return repository;
      };
      for (const [method, query] of [
        ['PATCH', ''],
        ['PUT', `?digest=${digestOf(Buffer.from('x'))}`],
      ] as const) {
        const location = await served.begin();
        const reply = await served.ask(`${location}${query}`, { method, body: 'x' });
        assert.deepEqual([reply.status, codesOf(reply)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
      }
      assert.equal((await served.ask(await served.begin(), { method: 'DELETE' })).status, 204);
      assert.match(await served.begin(), /uploads/);
    } finally {
      await served.close();
    }
  });
});
