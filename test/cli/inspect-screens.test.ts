import assert from 'node:assert/strict';
import { formatAttached, formatInspected } from '../../src/cli/inspect-table.js';
import { formatHistory, formatWhole } from '../../src/cli/inspect-whole.js';
import { widthOf } from '../../src/cli/width.js';
import type { InspectedImage, InspectedPlatform, InspectResult } from '../../src/index.js';

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as const;
const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';

function platform(architecture: string, letter: string): InspectedPlatform {
  return {
    os: 'linux',
    architecture,
    digest: digestOf(letter),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 5_000_000,
    layers: [
      { digest: digestOf('5'), mediaType: GZIP, size: 4_000_000 },
      { digest: digestOf('6'), mediaType: GZIP, size: 900_000 },
    ],
    config: { User: 'app', Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/bin'], Cmd: ['/bin/sh'] },
    history: [
      { created: '2024-01-02T03:04:05.678Z', created_by: 'ADD rootfs.tar.gz /' },
      { created: '2024-01-02T03:04:06Z', created_by: 'CMD ["/bin/sh"]', empty_layer: true },
      { created: '2024-01-03T03:04:05Z', created_by: 'COPY --chown=app:app\n  . /usr/share/app # buildkit' },
    ],
  };
}

const IMAGE: InspectedImage = {
  name: 'registry.k8s.io/ingress-nginx/controller:1.12.1',
  digest: digestOf('0'),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: 10_000_000,
  platforms: [platform('amd64', '1'), platform('arm64', '2')],
  absent: [digestOf('3')],
  referrers: [],
  attachments: [
    { digest: digestOf('7'), subject: digestOf('0'), kind: 'signature', tag: 'sha256-00.sig', size: 972 },
    {
      digest: digestOf('8'),
      subject: digestOf('2'),
      kind: 'SBOM',
      artifactType: 'application/spdx+json',
      size: 5,
    },
    { digest: digestOf('9'), subject: digestOf('3'), artifactType: 'text/x-note' },
  ],
};
const BROKEN = { name: 'broken:1', size: 0, platforms: [], absent: [], referrers: [], attachments: [] };
const SEVERAL: InspectResult = {
  images: [IMAGE, { ...BROKEN, problem: 'its config is missing' }],
  bytes: { total: 10_000_000, withoutSharing: 20_000_000 },
};
const at = (width?: number, digests = false) => ({ width, digests });

function lines(text: string): string[] {
  assert.ok(text.endsWith('\n'));
  return text.slice(0, -1).split('\n');
}

describe('what inspect shows', () => {
  it('of several images is a row for each platform and the sum', () => {
    const wide = [
      'NAME                                             PLATFORM     LAYERS     SIZE  CREATED     DIGEST',
      'registry.k8s.io/ingress-nginx/controller:1.12.1  linux/amd64       2  5.00 MB  2024-01-03  111111111111',
      '                                                 linux/arm64       2  5.00 MB  2024-01-03  222222222222',
      'broken:1                                         DAMAGED           -        -  -           -',
      '2 images, 10.0 MB (20.0 MB without sharing)',
    ];
    assert.deepEqual(lines(formatInspected(SEVERAL, at(160))), wide);
    assert.deepEqual(lines(formatInspected(SEVERAL, at(80))), [
      'NAME                              PLATFORM        SIZE  CREATED     DIGEST',
      'registry.k8s…x/controller:1.12.1  linux/amd64  5.00 MB  2024-01-03  111111111111',
      '                                  linux/arm64  5.00 MB  2024-01-03  222222222222',
      'broken:1                          DAMAGED            -  -           -',
      wide.at(-1),
    ]);
    assert.deepEqual(lines(formatInspected(SEVERAL, at(40))), [
      'NAME                PLATFORM        SIZE',
      'regist…ller:1.12.1  linux/amd64  5.00 MB',
      '                    linux/arm64  5.00 MB',
      'broken:1            DAMAGED            -',
      '2 images, 10.0 MB',
    ]);
  });

  it('of several images, where there is no terminal, has whole names and digests in each row', () => {
    const rows = lines(formatInspected(SEVERAL, at())).slice(1, 3);
    for (const [place, row] of rows.entries()) {
      assert.ok(row.startsWith(`${IMAGE.name} `), row);
      assert.ok(row.endsWith(` ${IMAGE.platforms[place]?.digest}`), row);
    }
  });

  it('of one image is all of it', () => {
    assert.deepEqual(lines(formatWhole(IMAGE, at(80))).slice(0, 21), [
      IMAGE.name,
      `  ${IMAGE.digest}`,
      '  type      application/vnd.oci.image.index.v1+json',
      '  size      10.0 MB',
      '  left out  333333333333',
      '',
      '  attached',
      '  OF                KIND        SIZE  DIGEST        TYPE',
      '  all platforms     signature  972 B  777777777777  sha256-00.sig',
      '  linux/arm64       SBOM         5 B  888888888888  application/spdx+json',
      '  another platform  1 other        -  999999999999  text/x-note',
      '',
      '  linux/amd64  111111111111  5.00 MB',
      '    created  2024-01-03T03:04:05Z',
      '    user     app',
      '    command  ["/bin/sh"]',
      '    env      PATH=/usr/local/sbin:/usr/local/bin:/usr/bin',
      '    LAYER            SIZE  TYPE      CREATED BY',
      '    555555555555  4.00 MB  tar+gzip  ADD rootfs.tar.gz /',
      '    -                   -  -         CMD ["/bin/sh"]',
      '    666666666666   900 kB  tar+gzip  COPY --chown=app:app . /usr/share/app # bu…',
    ]);
    for (const width of [40, 80, 160])
      for (const line of lines(formatWhole(IMAGE, at(width))).slice(2))
        assert.ok(widthOf(line) <= width, `${width}: ${line}`);
    const whole = formatWhole(IMAGE, at());
    for (const text of [
      digestOf('5'),
      digestOf('7'),
      GZIP,
      'COPY --chown=app:app . /usr/share/app # buildkit',
    ])
      assert.ok(whole.includes(text), text);
    assert.ok(formatWhole(IMAGE, at(200, true)).includes(digestOf('5')));
  });

  it('has layers without steps, and steps that fit no layer', () => {
    const [one] = IMAGE.platforms;
    assert.ok(one);
    const history = [{ created_by: 'FROM scratch' }];
    const shown = formatWhole({ ...IMAGE, platforms: [{ ...one, history }], attachments: [] }, at(80));
    assert.deepEqual(lines(shown).slice(-4), [
      '    LAYER            SIZE  TYPE      CREATED BY',
      '    555555555555  4.00 MB  tar+gzip',
      '    666666666666   900 kB  tar+gzip',
      '    -                   -  -         FROM scratch',
    ]);
  });

  it('of the history has times', () => {
    assert.deepEqual(lines(formatHistory(IMAGE, at(80))).slice(0, 5), [
      `${IMAGE.name}  linux/amd64`,
      'CREATED              LAYER            SIZE  TYPE      CREATED BY',
      '2024-01-02 03:04:05  555555555555  4.00 MB  tar+gzip  ADD rootfs.tar.gz /',
      '2024-01-02 03:04:06  -                   -  -         CMD ["/bin/sh"]',
      '2024-01-03 03:04:05  666666666666   900 kB  tar+gzip  COPY --chown=app:app . /u…',
    ]);
  });

  it('of attachments has names where there are several images', () => {
    const [header, first] = lines(formatAttached(SEVERAL, at(80)));
    assert.match(header ?? '', /^NAME +OF +KIND +SIZE +DIGEST/);
    assert.match(first ?? '', /^registry\S+ +all platforms +signature +972 B +777777777777/);
    assert.equal(formatAttached({ ...SEVERAL, images: [BROKEN] }, at(80)), 'nothing is attached\n');
  });
});
