import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { historyOf, parseConfig } from '../../src/manifest/config.js';
import { parseV1Image } from '../../src/manifest/v1/image.js';
import { fixture, json } from '../support/fixtures.js';

const DIFF_ID = `sha256:${'d'.repeat(64)}` as const;
const ROOTFS = { type: 'layers', diff_ids: [DIFF_ID] };
const layer = (size: number) => ({ mediaType: MEDIA_TYPE.ociLayerGzip, digest: DIFF_ID, size });

describe('parseConfig', () => {
  it('reads a config’s platform, command, diffIDs and history', () => {
    const config = parseConfig(
      json({
        architecture: 'arm64',
        os: 'linux',
        variant: 'v8',
        created: '2024-01-02T03:04:05Z',
        config: { Cmd: ['/bin/sh'], Labels: { a: 'b' } },
        rootfs: ROOTFS,
        history: [{ created_by: 'ADD x', empty_layer: false }],
      }),
      'config',
    );
    assert.deepEqual(config, {
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
      created: '2024-01-02T03:04:05Z',
      config: { Cmd: ['/bin/sh'], Labels: { a: 'b' } },
      rootfs: ROOTFS,
      history: [{ created_by: 'ADD x', empty_layer: false }],
    });
  });

  it('reads Docker’s nulls, and an image without layers', () => {
    const config = parseConfig(
      json({
        architecture: 'amd64',
        os: 'linux',
        created: null,
        config: { Env: null, Cmd: null, Labels: null, OnBuild: null },
        history: null,
        rootfs: { type: 'layers', diff_ids: null },
      }),
      'config',
    );
    assert.deepEqual(config.rootfs.diff_ids, []);
    assert.deepEqual(config.history, []);
    assert.deepEqual(config.config, {});
    assert.equal('created' in config, false);
  });

  it('reads a Windows config with its base layer', () => {
    const rootfs = { type: 'layers+base', diff_ids: [DIFF_ID], base_layer: 'windowsservercore' };
    const config = parseConfig(
      json({ architecture: 'amd64', os: 'windows', 'os.version': '10.0', rootfs }),
      'config',
    );
    assert.deepEqual(config.rootfs, rootfs);
    assert.equal(config['os.version'], '10.0');
  });

  it('asks more of an OCI config than of Docker’s', () => {
    const bytes = json({ rootfs: ROOTFS });
    const docker = parseConfig(bytes, 'config', { mediaType: MEDIA_TYPE.dockerConfig });
    assert.equal(docker.os, 'linux');
    assert.equal(docker.irregular, undefined);
    assert.deepEqual(parseConfig(bytes, 'config', { mediaType: MEDIA_TYPE.ociConfig }).irregular, {
      place: '/architecture',
      problem: 'at the top, expected a member "architecture", found none',
      refusedBy: [],
    });
  });

  it('reads no diffIDs where one is none, and says who refuses that', () => {
    const rootfs = { type: 'layers', diff_ids: [DIFF_ID, 'sha256:../../x'] };
    const config = parseConfig(json({ rootfs }), 'config');
    assert.deepEqual(config.rootfs.diff_ids, []);
    assert.match(config.irregular?.problem ?? '', /at \/rootfs\/diff_ids\/1/);
    assert.deepEqual(config.irregular?.refusedBy, ['Docker', 'containerd']);
  });

  const base = { architecture: 'amd64', os: 'linux', rootfs: ROOTFS };
  const ALL = ['Docker', 'containerd', 'podman'];
  const IRREGULAR: [title: string, document: object, refusedBy: string[]][] = [
    ['a list of ports', { ...base, config: { ExposedPorts: [] } }, ALL],
    ['a label that is a number', { ...base, config: { Labels: { n: 1 } } }, ALL],
    ['a list of volumes', { ...base, config: { Volumes: [] } }, ALL],
    ['a creation date without a time', { ...base, created: '2024-01-01' }, ALL],
    ['an empty creation time', { ...base, created: '' }, ALL],
    ['an empty time in the history', { ...base, history: [{ created: '' }] }, ALL],
    ['a history that is an object', { ...base, history: {} }, ALL],
    ['an architecture that is a number', { ...base, architecture: 1 }, ALL],
    ['a command that is a string', { ...base, config: { Cmd: 'sh' } }, ['containerd', 'podman']],
    ['an empty entrypoint', { ...base, config: { Entrypoint: '' } }, ['containerd', 'podman']],
    ['nothing in it', {}, ['Docker', 'containerd']],
    ['no rootfs', { architecture: 'amd64', os: 'linux' }, ['Docker', 'containerd']],
    ['an empty rootfs', { architecture: 'amd64', os: 'linux', rootfs: {} }, ['Docker', 'containerd']],
  ];
  for (const [title, document, refusedBy] of IRREGULAR) {
    it(`reads a config with ${title}, and says which engines refuse it`, () => {
      const config = parseConfig(json(document), 'config', { mediaType: MEDIA_TYPE.ociConfig });
      assert.equal(config.os, 'linux');
      assert.deepEqual(config.irregular?.refusedBy, refusedBy);
    });
  }

  for (const document of [[], null, 'text'])
    it(`refuses ${JSON.stringify(document)}`, () => {
      assert.throws(() => parseConfig(json(document), 'config'), { code: 'INVALID_MANIFEST' });
    });

  it('reads the configs of docker, skopeo and buildkit', () => {
    for (const name of ['many-steps/config', 'many-steps/to-oci.config', 'buildkit']) {
      const path = name === 'buildkit' ? BUILDKIT_CONFIG : `conversion/${name}.json`;
      const config = parseConfig(fixture(path), name);
      assert.ok(config.rootfs.diff_ids.length > 0);
      assert.ok(config.history.length > 0);
    }
  });
});

/** The one config in the folder that Docker 25 wrote. */
const BUILDKIT_CONFIG =
  'docker-archives/docker25-graphdriver/blobs/sha256/25578f468f5f0246c7c52e5edf4346023d5763e608277e592584b6d93a60dc95';

describe('historyOf', () => {
  const history = [
    { created_by: 'ADD x' },
    { created_by: 'ENV y', empty_layer: true },
    { created_by: 'RUN z' },
  ];
  const config = parseConfig(json({ architecture: 'amd64', os: 'linux', rootfs: ROOTFS, history }), 'config');

  it('passes over the steps that made no layer', () => {
    assert.deepEqual(historyOf(config, [layer(1), layer(2)]), [
      { layer: layer(1), createdBy: 'ADD x' },
      { layer: layer(2), createdBy: 'RUN z' },
    ]);
  });

  it('names no step when steps and layers do not match in number', () => {
    assert.deepEqual(historyOf(config, [layer(1)]), [{ layer: layer(1), createdBy: undefined }]);
  });
});

describe('parseV1Image', () => {
  const id = 'a'.repeat(64);

  it('reads an image and what it stands on', () => {
    const image = parseV1Image(
      json({ id, parent: 'b'.repeat(64), throwaway: true, config: null, Size: 7 }),
      'json',
    );
    assert.deepEqual(image, { id, parent: 'b'.repeat(64), throwaway: true, Size: 7 });
  });

  it('knows the base by its missing or empty parent', () => {
    assert.equal('parent' in parseV1Image(json({ id }), 'json'), false);
    assert.equal('parent' in parseV1Image(json({ id, parent: '' }), 'json'), false);
  });

  it('refuses an ID that could be a path', () => {
    for (const bad of ['ABC', '../x', 'A'.repeat(64), '']) {
      assert.throws(() => parseV1Image(json({ id: bad }), 'json'), { code: 'INVALID_MANIFEST' });
    }
    assert.throws(() => parseV1Image(json({ id, parent: '../x' }), 'json'), { code: 'INVALID_MANIFEST' });
  });

  it('reads the images of old registries', () => {
    const base = 'b0'.repeat(32);
    assert.equal(parseV1Image(fixture(`v1/${base}/json`), 'json').id, base);
    const child = 'c1'.repeat(32);
    assert.equal(parseV1Image(fixture(`v1/${child}/json`), 'json').id, child);
  });
});
