import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { type Serving, serve } from '../../src/operations/serve/serve.js';
import { GRAPHS } from '../support/hostile/graphs.js';
import { ask } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';

const ACCEPTED = [
  undefined,
  MEDIA_TYPE.dockerManifestList,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerSchema1Signed,
];

describe('indexes and circles that are served, and asked for in every form', () => {
  const path = useFolder();
  let serving: Serving | undefined;
  beforeEach(() => mkdir(path('in')));
  afterEach(async () => {
    await serving?.close();
    serving = undefined;
  });

  for (const attack of GRAPHS.attacks) {
    it(`keep nobody waiting: ${attack.what}`, async () => {
      serving = await serve(await attack.place(path('in')), { port: 0, drainMs: 0 });
      const { port } = serving;
      const catalog = await ask(port, '/v2/_catalog');
      const { repositories } = JSON.parse(catalog.body.toString()) as { repositories: string[] };
      for (const repository of repositories) {
        const list = await ask(port, `/v2/${repository}/tags/list`);
        const { tags } = JSON.parse(list.body.toString()) as { tags: string[] };
        for (const tag of tags) {
          for (const accept of ACCEPTED) {
            const headers = accept === undefined ? {} : { Accept: accept };
            const { status, complete } = await ask(port, `/v2/${repository}/manifests/${tag}`, { headers });
            assert.ok([200, 404].includes(status) && complete, `${tag} ${accept}: ${status}`);
          }
          const { headers } = await ask(port, `/v2/${repository}/manifests/${tag}`, { method: 'HEAD' });
          const digest = headers['docker-content-digest'];
          if (digest !== undefined)
            assert.equal((await ask(port, `/v2/${repository}/referrers/${digest}`)).status, 200);
        }
      }
      assert.equal((await ask(port, '/healthz')).status, 200);
    });
  }
});
