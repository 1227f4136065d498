import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/content/digest.js';
import { parseConfig } from '../../../src/manifest/config.js';
import type { ImageFiles } from '../../../src/store/image-files.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import { type Files, namesOf, plainLayer, readImage, writeTar } from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { useArchives } from './opening.js';

const BASE = 'a'.repeat(64);
const MIDDLE = 'b'.repeat(64);
const TOP = 'c'.repeat(64);

describe('an archive of Docker before 1.10', () => {
  const { path, open } = useArchives();

  const openFiles = async (files: Files): Promise<ImageFiles> => open(await writeTar(path('v1.tar'), files));

  it('has the layers that the same images have with manifest.json', async () => {
    const old = await open(fixturePath('archives/docker-v1.0-repositories-only.tar'));
    const later = await open(fixturePath('archives/docker20-multi.tar'));
    assert.deepEqual(await namesOf(old), ['docker.io/library/tiny:1', 'docker.io/library/tiny:2']);
    for (const name of await namesOf(old)) {
      const [before, after] = [await readImage(old, name), await readImage(later, name)];
      assert.deepEqual(before.manifest.layers, after.manifest.layers);
      assert.deepEqual(before.diffIDs, after.diffIDs);
    }
  });

  it('keeps the digests of what it makes', async () => {
    const store = await open(fixturePath('archives/docker-v1.0-repositories-only.tar'));
    const { root, config } = await readImage(store, 'tiny:1');
    assert.equal(root.digest, 'sha256:fd49a95753c66e5e5854db566d980b59fd6284e1b8c67c59a974c8f45e2cf9cf');
    assert.equal(config, (await readImage(store, '@0')).config);
  });

  it('is not what a later archive is that has lost its manifest.json: its images would get other digests', async () => {
    const path = fixturePath('docker-archives/lost-manifest.tar');
    await assert.rejects(open(path), {
      code: 'INVALID_ARCHIVE',
      message: /no manifest\.json, to which \w+\.json belongs/,
    });
  });

  it('gets a config with the history and the diffIDs of all that the image stands on', async () => {
    const layers = ['base', 'middle', 'top'].map(plainLayer);
    const store = await openFiles({
      ...folder(BASE, { layer: layers[0] }),
      ...folder(MIDDLE, { parent: BASE, layer: layers[1] }),
      ...folder(TOP, { parent: MIDDLE, layer: layers[2] }),
      repositories: repositories({ 'example.com/app': { v1: TOP }, base: { latest: BASE } }),
    });
    assert.deepEqual(await namesOf(store), ['docker.io/library/base:latest', 'example.com/app:v1']);
    const { manifest, diffIDs } = await readImage(store, 'example.com/app:v1');
    assert.deepEqual(
      diffIDs,
      layers.map((layer) => digestOf(layer)),
    );
    const config = parseConfig(await readContent(store, manifest.config), 'the config');
    assert.deepEqual(
      config.history.map(({ created_by }) => created_by),
      ['make a', 'make b', 'make c'],
    );
    assert.deepEqual((await readImage(store, 'base')).diffIDs, diffIDs.slice(0, 1));
  });

  it('holds what has no name and carries no other, with or without the file repositories', async () => {
    const files = {
      ...folder(BASE, { layer: plainLayer('base') }),
      ...folder(TOP, { parent: BASE, layer: plainLayer('top') }),
    };
    for (const more of [{}, { repositories: '{}' }]) {
      const store = await openFiles({ ...files, ...more });
      const [name, ...others] = await namesOf(store);
      assert.deepEqual(others, []);
      assert.equal((await readImage(store, name ?? '')).diffIDs.length, 2);
    }
  });

  it('takes compressed layers, and empty ones that are cut short', async () => {
    const layer = plainLayer('x');
    const store = await openFiles({
      ...folder(BASE, { layer: Buffer.alloc(0) }),
      ...folder(MIDDLE, { parent: BASE, layer: Buffer.alloc(512) }),
      ...folder(TOP, { parent: MIDDLE, layer: gzipSync(layer) }),
      repositories: repositories({ a: { b: TOP } }),
    });
    const { manifest, diffIDs } = await readImage(store, 'a:b');
    const empty = digestOf(Buffer.alloc(1024));
    assert.deepEqual(diffIDs, [empty, empty, digestOf(layer)]);
    assert.deepEqual(
      manifest.layers.map(({ digest }) => digest),
      [empty, empty, digestOf(gzipSync(layer))],
    );
  });

  describe('that is hostile or damaged', () => {
    const layer = plainLayer('x');

    async function refuses(files: Files, expected: { code: string; message?: RegExp }): Promise<void> {
      const archive = await writeTar(path('bad.tar'), files);
      await assert.rejects(openPath(archive), expected);
    }

    it('is refused when its images stand on each other in a circle', async () => {
      await refuses(
        {
          ...folder(BASE, { parent: TOP, layer }),
          ...folder(TOP, { parent: BASE, layer }),
          repositories: repositories({ a: { b: TOP } }),
        },
        { code: 'INVALID_ARCHIVE', message: /more than 256 layers/ },
      );
    });

    it('is refused when a parent or a layer is not there', async () => {
      const named = { repositories: repositories({ a: { b: TOP } }) };
      await refuses(
        { ...folder(TOP, { parent: BASE, layer }), ...named },
        { code: 'MISSING_CONTENT', message: /docker\.io\/library\/a:b is based on aaa/ },
      );
      await refuses({ ...folder(TOP, {}), ...named }, { code: 'MISSING_CONTENT', message: /layer\.tar/ });
    });

    it('keeps the images that can be read when a named one, a parent or a layer is not there', async () => {
      const named = { repositories: repositories({ a: { b: TOP }, c: { d: BASE } }) };
      const base = folder(BASE, { layer });
      const [missing, orphan, bare, wrong] = [
        await open(await writeTar(path('missing.tar'), { ...base, ...named })),
        await open(
          await writeTar(path('orphan.tar'), {
            ...base,
            ...folder(TOP, { parent: MIDDLE, layer }),
            ...named,
          }),
        ),
        await open(await writeTar(path('bare.tar'), { ...base, ...folder(TOP, { parent: BASE }), ...named })),
        await open(await writeTar(path('wrong.tar'), { ...base, [`${TOP}/json`]: '[]', ...named })),
      ];
      for (const [store, code, message] of [
        [missing, 'MISSING_CONTENT', /repositories: docker\.io\/library\/a:b is b*/],
        [orphan, 'MISSING_CONTENT', /docker\.io\/library\/a:b is based on/],
        [bare, 'MISSING_CONTENT', /layer\.tar.*; docker\.io\/library\/a:b needs it/],
        [wrong, 'INVALID_MANIFEST', /json is not a valid v1-image.*; docker\.io\/library\/a:b needs it/],
      ] as const) {
        assert.deepEqual(await namesOf(store), ['docker.io/library/c:d']);
        await readImage(store, 'c:d');
        assert.deepEqual(
          store.broken.map(({ name }) => name),
          ['docker.io/library/a:b'],
        );
        await assert.rejects(store.resolve('a:b'), { code, message });
      }
    });

    it('is refused when its JSON is not that of the folder it stands in', async () => {
      const files = { ...folder(BASE, { layer }), ...folder(TOP, { parent: BASE, layer }) };
      await refuses(
        {
          ...files,
          [`${BASE}/json`]: JSON.stringify({ id: MIDDLE }),
          repositories: repositories({ a: { b: TOP } }),
        },
        { code: 'INVALID_ARCHIVE', message: /parent/ },
      );
    });

    it('is refused for a layer that is a link out of it', async () => {
      await refuses(
        {
          ...folder(TOP, {}),
          [`${TOP}/layer.tar`]: '-> ../../layer.tar',
          repositories: repositories({ a: { b: TOP } }),
        },
        { code: 'INVALID_ARCHIVE', message: /link/ },
      );
    });
  });
});

function folder(id: string, { parent, layer }: { parent?: string; layer?: Buffer | undefined }): Files {
  const container = { Cmd: [`make ${id[0]}`] };
  const json = { id, parent, created: '2014-01-02T03:04:05Z', container_config: container, os: 'linux' };
  return {
    [`${id}/VERSION`]: '1.0',
    [`${id}/json`]: JSON.stringify(json),
    ...(layer !== undefined && { [`${id}/layer.tar`]: layer }),
  };
}

function repositories(tags: Record<string, Record<string, string>>): string {
  return JSON.stringify(tags);
}
