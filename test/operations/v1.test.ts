import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import type { CopyEvent } from '../../src/events.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { list } from '../../src/operations/list.js';
import { save } from '../../src/operations/save.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openPath } from '../../src/store/open.js';
import { sendJSON } from '../registry/http-server.js';
import { namesOf, readImage } from '../support/docker-archives.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { makeV1Chain, type V1TestImage } from '../support/v1-images.js';
import { startV1Registry, type V1Registry } from '../support/v1-registry.js';
import { startRegistry } from './registry.js';

describe('a registry that speaks v1 only', () => {
  const path = useFolder();
  let registry: V1Registry;
  let chain: V1TestImage[];
  let next: V1TestImage[];
  before(async () => {
    registry = await startV1Registry({ kind: 'index', users: { anna: 'secret' }, tokensOnce: true });
    chain = await makeV1Chain('old', [50_000, 300]);
    next = [...chain, ...(await makeV1Chain('new', [400], { on: chain[1] ?? assert.fail() }))];
    registry.put('team/app:1', chain);
    registry.put('team/app:2', next);
  });
  after(() => registry.close());
  const credentials = { username: 'anna', password: 'secret' };
  const name = (tag = ''): string => `${registry.index.host}/team/app${tag}`;

  it('is saved from into an archive that verifies, whole or by tag', async () => {
    const events: CopyEvent[] = [];
    const result = await save({
      images: [name()],
      allTags: true,
      output: path('out.tar'),
      credentials,
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(
      result.images.map((image) => [image.name, image.platforms]),
      [':1', ':2'].map((tag) => [name(tag), [{ os: 'linux', architecture: 'amd64' }]]),
    );
    assert.equal(result.blobs.total, 3 + 2); // layers and configs
    const archive = await openPath(path('out.tar'));
    assert.deepEqual(await namesOf(archive), [name(':1'), name(':2')]);
    const { diffIDs } = await readImage(archive, name(':2'));
    await archive.close();
    assert.deepEqual(
      diffIDs,
      next.map(({ diffID }) => diffID),
    );
    assert.deepEqual(await verify(path('out.tar')).then(({ ok, findings }) => [ok, findings]), [true, []]);
    assert.deepEqual(await readdir(path()), ['out.tar']);
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /v1 protocol.*cannot be verified/);
  });

  it('gives the same archive each time, with --v1 and without', async () => {
    const digests = [];
    for (const v1 of [undefined, true, true]) {
      const output = path(`${digests.length}.tar`);
      const result = await save({ images: [name(':2')], output, credentials, v1 });
      digests.push(result.images[0]?.digest);
    }
    assert.equal(new Set(digests).size, 1);
  });

  it('is not asked for /v2/ with --v1', async () => {
    const before = registry.index.requests.length;
    await list(name(), { credentials, v1: true });
    assert.ok(registry.index.requests.slice(before).every((line) => !line.includes('/v2/')));
  });

  it('lists its tags without fetching a layer, and is inspected', async () => {
    const before = registry.layerRequests.length;
    assert.deepEqual(await list(name(), { credentials }), {
      kind: 'tags',
      repository: name(),
      tags: ['1', '2'],
    });
    assert.equal(registry.layerRequests.length, before);
    const { images } = await inspect(name(':1'), { credentials });
    assert.equal(images[0]?.platforms[0]?.layers.length, 2);
    await assert.rejects(inspect(name(':3'), { credentials }), { code: 'NOT_FOUND', message: /tag "3"/ });
    await assert.rejects(inspect(name(':1')), { code: 'UNAUTHORIZED' });
  });

  it('is not looked for where there is a v2 registry', async () => {
    const modern = await startRegistry();
    try {
      await modern.put('team/app:1', await makeImage({ seed: 1 }));
      await list(`${modern.name}/team/app`);
      await assert.rejects(inspect(`${modern.name}/team/none:1`), { code: 'NOT_FOUND' });
      assert.ok(modern.requests.every(({ url }) => !url.startsWith('/v1/')));
    } finally {
      await modern.close();
    }
  });

  it('is not taken for one where nothing answers as a registry', async () => {
    const page = await startV1Registry({
      instead(_, response) {
        sendJSON(response, { error: 'no' }, { status: 404 });
        return true;
      },
    });
    try {
      await assert.rejects(inspect(`${page.index.host}/team/app:1`), {
        code: 'NOT_FOUND',
        message: /tag "?1/,
      });
    } finally {
      await page.close();
    }
  });
});
