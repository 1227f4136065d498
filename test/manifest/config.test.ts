import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { historyOf, parseConfig } from '../../src/manifest/config.js';
import { goTime } from '../../src/manifest/json/go-time.js';
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
    ['a port that is a number', { ...base, config: { ExposedPorts: { '80/tcp': 80 } } }, ALL],
    ['a volume that is true', { ...base, config: { Volumes: { '/data': true } } }, ALL],
    ['ArgsEscaped in text', { ...base, config: { ArgsEscaped: 'yes' } }, ALL],
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

  const PODMANS = ['Docker', 'podman'];
  const MOBYS: [member: string, wrong: unknown][] = [
    ...['Hostname', 'Domainname', 'Image', 'MacAddress'].map((name): [string, unknown] => [name, 5]),
    ...[
      'AttachStdin',
      'AttachStdout',
      'AttachStderr',
      'Tty',
      'OpenStdin',
      'StdinOnce',
      'NetworkDisabled',
    ].map((name): [string, unknown] => [name, 'yes']),
    ['OnBuild', 'RUN x'],
    ['OnBuild', [5]],
    ['Shell', 5],
    ['Shell', [5]],
    ['StopTimeout', '10'],
    ['Healthcheck', 'CMD true'],
    ['Healthcheck', { Test: 'CMD true' }],
    ['Healthcheck', { Test: [5] }],
    ...['Interval', 'Timeout', 'StartPeriod', 'Retries'].map((name): [string, unknown] => [
      'Healthcheck',
      { [name]: '30s' },
    ]),
  ];
  const irregularOf = (document: object, mediaType: string = MEDIA_TYPE.ociConfig) =>
    parseConfig(json(document), 'config', { mediaType }).irregular;

  for (const [member, wrong] of MOBYS) {
    it(`says that Docker and podman cannot decode ${member}: ${JSON.stringify(wrong)}`, () => {
      for (const name of ['config', 'container_config']) {
        const irregular = irregularOf({ ...base, [name]: { [member]: wrong } });
        assert.deepEqual(irregular?.refusedBy, PODMANS);
        assert.match(irregular?.place ?? '', new RegExp(`^/${name}/${member}`));
      }
    });
  }

  for (const [member, wrong] of [
    ...['id', 'parent', 'comment', 'container', 'docker_version'].map((name) => [name, 5] as const),
    ['Size', '5'],
    ['container_config', 'x'],
    ['container_config', { ArgsEscaped: 5 }],
    ['container_config', { ExposedPorts: { '80/tcp': 5 } }],
    ['container_config', { Env: 'x' }],
  ] as const) {
    it(`says that Docker and podman cannot decode ${member}: ${JSON.stringify(wrong)}`, () => {
      for (const mediaType of [MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig])
        assert.deepEqual(irregularOf({ ...base, [member]: wrong }, mediaType)?.refusedBy, PODMANS);
    });
  }

  it('names every engine where each refuses another member, and both members', () => {
    const irregular = irregularOf({ ...base, config: { Cmd: 'sh', OnBuild: 'RUN x' } });
    assert.deepEqual(irregular?.refusedBy, ALL);
    assert.match(irregular?.problem ?? '', /^at \/config\/OnBuild, .*; at \/config\/Cmd, /);
    const { rootfs: _, ...none } = base;
    assert.deepEqual(irregularOf({ ...none, comment: 5 })?.refusedBy, ALL);
  });

  it('takes null for absent, as Go does, and what Docker takes besides', () => {
    const names = [...new Set(MOBYS.map(([name]) => name)), 'ArgsEscaped', 'ExposedPorts', 'Volumes', 'Cmd'];
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    const inside = {
      ExposedPorts: { '80/tcp': null, '81/tcp': { a: 1 } },
      Volumes: { '/data': null },
      OnBuild: [null],
      Shell: '/bin/sh',
      Healthcheck: { Test: null, Interval: null, Timeout: null, StartPeriod: null, Retries: null },
    };
    const top = { id: null, parent: 'x', comment: null, container: null, Size: null, docker_version: null };
    const unread = { PortSpecs: 'x', Cpuset: 5, VolumesFrom: 5, Memory: '5' };
    for (const config of [nulls, inside, unread, null])
      for (const mediaType of [MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig])
        assert.equal(
          irregularOf({ ...base, ...top, created: null, config, container_config: config }, mediaType),
          undefined,
        );
  });

  it('blames nobody for a text as the command of container_config, which only Docker and podman decode', () => {
    assert.deepEqual(irregularOf({ ...base, container_config: { Cmd: 'x' } })?.refusedBy, []);
  });

  const NO_TIMES = [
    ...['2024-02-30', '2023-02-29', '1900-02-29', '2024-04-31', '2024-13-01', '2024-00-01', '2024-01-00'].map(
      (day) => `${day}T00:00:00Z`,
    ),
    ...['24:00:00', '23:60:00', '23:59:60'].map((time) => `2024-12-31T${time}Z`),
    '0000-00-00T00:00:00Z',
  ];
  for (const time of NO_TIMES) {
    it(`says that no engine takes ${time} for a time`, () => {
      for (const document of [{ created: time }, { history: [{ created: time }] }]) {
        const irregular = irregularOf({ ...base, ...document });
        assert.deepEqual(irregular?.refusedBy, ALL);
        assert.match(irregular?.problem ?? '', /expected a valid time/);
      }
    });
  }

  it('knows the days that goTime knows, through four centuries', () => {
    for (let year = 1896; year <= 2304; year += 1)
      for (const day of ['01-31', '02-28', '02-29', '04-30', '04-31', '11-31', '12-31']) {
        const created = `${String(year).padStart(4, '0')}-${day}T23:59:59Z`;
        let isTime = true;
        try {
          goTime(created, 'x');
        } catch {
          isTime = false;
        }
        assert.equal(irregularOf({ ...base, created }) === undefined, isTime, created);
      }
    for (const created of ['0000-02-29T00:00:00Z', '0001-01-01T00:00:00Z', '2024-01-01T00:00:00,5+24:00'])
      assert.equal(irregularOf({ ...base, created }), undefined, created);
  });

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

/** Returns the only config in the folder that Docker 25 wrote. */
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

  it('reads what only engines would refuse in its configuration', () => {
    const config = { OnBuild: 'RUN x', ArgsEscaped: 'yes', ExposedPorts: { '80/tcp': 5 } };
    const image = parseV1Image(json({ id, config }), 'json');
    assert.equal(JSON.stringify(image), JSON.stringify({ id, config }));
  });

  it('reads the images of old registries', () => {
    const base = 'b0'.repeat(32);
    assert.equal(parseV1Image(fixture(`v1/${base}/json`), 'json').id, base);
    const child = 'c1'.repeat(32);
    assert.equal(parseV1Image(fixture(`v1/${child}/json`), 'json').id, child);
  });
});
