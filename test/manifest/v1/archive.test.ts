import assert from 'node:assert/strict';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { chainIDs } from '../../../src/manifest/chain-id.js';
import { parseConfig } from '../../../src/manifest/config.js';
import { configOfV1Chain } from '../../../src/manifest/v1/chain.js';
import { v1FoldersOf } from '../../../src/manifest/v1/folders.js';
import { openTar } from '../../../src/tar/read.js';
import { fixturePath, json } from '../../support/fixtures.js';

const DOCKER20 = fixturePath('archives/docker20-multi.tar');
const MAX_BYTES = 1024 * 1024;
const [ID_A, ID_B] = ['a', 'b'].map((digit) => digit.repeat(64));
const DIFF_IDS: Digest[] = [digestOf(Buffer.from('1')), digestOf(Buffer.from('2'))];

describe('the folders of an archive for old Docker', () => {
  it('have the IDs and the JSON that Docker 20.10 gave them', async () => {
    const tar = await openTar(DOCKER20);
    try {
      const images = JSON.parse((await tar.read('manifest.json', MAX_BYTES)).toString());
      assert.equal(images.length, 2);
      for (const { Config, Layers } of images) {
        const folders = v1FoldersOf(await tar.read(Config, MAX_BYTES));
        assert.deepEqual(
          folders.map(({ v1ID }) => `${v1ID}/layer.tar`),
          Layers,
        );
        for (const { v1ID, json } of folders)
          assert.equal(json.toString(), (await tar.read(`${v1ID}/json`, MAX_BYTES)).toString());
      }
    } finally {
      await tar.close();
    }
  });

  it('do not take an ID or parent from the config', () => {
    const config = { rootfs: { type: 'layers', diff_ids: DIFF_IDS }, os: 'linux' };
    const folders = v1FoldersOf(json({ ...config, id: ID_A, parent: ID_B }));
    assert.deepEqual(folders, v1FoldersOf(json(config)));
    const [base, top] = folders.map((folder) => JSON.parse(folder.json.toString()));
    assert.equal(base.parent, undefined);
    assert.equal(top.parent, base.id);
    assert.equal(base.os, 'linux');
  });

  it('cannot be made for an image without layers', () => {
    assert.throws(() => v1FoldersOf(json({ rootfs: { type: 'layers' } })), { code: 'UNSUPPORTED' });
  });
});

describe('chainIDs', () => {
  it('are those of the layers beneath, and the layer', () => {
    const [base, top] = DIFF_IDS;
    assert.deepEqual(chainIDs(DIFF_IDS), [base, digestOf(Buffer.from(`${base} ${top}`))]);
    assert.deepEqual(chainIDs([]), []);
  });
});

describe('the config of a chain of v1 images', () => {
  const BASE = {
    id: ID_A,
    created: '2014-06-01T00:00:00.50Z',
    container_config: { Cmd: ['sh', '-c', 'ADD'] },
  };
  const TOP = { id: ID_B, parent: ID_A, created: '2014-06-01T00:00:01Z', comment: 'c', author: 'A', Size: 5 };

  it('has each image in its history, never as an empty layer, and the diffIDs', () => {
    const top = { ...TOP, throwaway: true, docker_version: '1.9.1', os: 'linux', x: 1 };
    const { config } = configOfV1Chain([json(BASE), json(top)], DIFF_IDS);
    assert.equal(
      config.toString(),
      '{"author":"A","comment":"c","created":"2014-06-01T00:00:01Z","docker_version":"1.9.1","history":' +
        '[{"created":"2014-06-01T00:00:00.5Z","created_by":"sh -c ADD"},{"created":"2014-06-01T00:00:01Z","author":"A","comment":"c"}],' +
        `"os":"linux","rootfs":{"type":"layers","diff_ids":${JSON.stringify(DIFF_IDS)}},"x":1}`,
    );
    assert.deepEqual(parseConfig(config, 'config').rootfs.diff_ids, DIFF_IDS);
  });

  it('is written through Docker’s struct where no version is given, as docker load does', () => {
    const { config, lost } = configOfV1Chain([json(BASE), json({ ...TOP, x: 1 })], DIFF_IDS);
    const document = JSON.parse(config.toString());
    assert.equal(document.container_config.Hostname, '');
    assert.equal('x' in document, false);
    assert.equal(lost.length, 1);
  });

  it('is refused where the images do not stand on each other', () => {
    const chains = [
      [BASE, { ...TOP, parent: ID_B }],
      [BASE, { ...TOP, parent: '' }],
      [TOP, BASE],
      [BASE],
      [],
    ];
    for (const chain of chains)
      assert.throws(() => configOfV1Chain(chain.map(json), DIFF_IDS), { code: 'INVALID_ARCHIVE' });
  });
});
