import { gzipSync } from 'node:zlib';
import type { Descriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { plainLayer } from './docker-archives.js';
import { type Content, contentOf, jsonContent } from './images.js';

export interface Parts {
  config?: Record<string, unknown>;
  /** Members of the first layer's descriptor. */
  layer?: Partial<Descriptor>;
  bytes?: Buffer;
  /** The layer is only at its urls, not in the archive. */
  isAway?: boolean;
  layers?: number;
}

export function imageOf(
  seed: string,
  { config, layer, bytes, isAway, layers: count = 1 }: Parts = {},
): {
  manifest: Content;
  all: Content[];
} {
  const tars = Array.from({ length: count }, (_, place) => plainLayer(`${seed} ${place}`));
  const layers = tars.map((tar) => contentOf(MEDIA_TYPE.ociLayerGzip, bytes ?? gzipSync(tar)));
  const made = jsonContent(MEDIA_TYPE.ociConfig, {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/x'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    ...config,
  });
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: made.descriptor,
    layers: layers.map(({ descriptor }) => ({ ...descriptor, ...layer })),
  });
  return { manifest, all: [manifest, made, ...(isAway ? [] : layers)] };
}

const NONDISTRIBUTABLE = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
export const AWAY = { mediaType: NONDISTRIBUTABLE, urls: ['https://vendor.test/layer'] };
const diffIDs = (...diff_ids: string[]) => ({ rootfs: { type: 'layers', diff_ids } });

/**
 * Images that Docker 20.10 refuses: `reason` matches the warning, and `alone` that of a docker-archive, if it leaves it
 * out.
 */
export const REFUSED: [title: string, parts: Parts, reason: RegExp, alone?: RegExp][] = [
  [
    'ports that are a list',
    { config: { config: { ExposedPorts: [] } } },
    /the config is not valid: at \/config\/ExposedPorts/,
  ],
  ['an empty creation time', { config: { created: '' } }, /the config is not valid: at \/created/],
  [
    'a number for a label',
    { config: { config: { Labels: { a: 1 } } } },
    /the config is not valid: at \/config\/Labels/,
  ],
  ...(
    [
      ['a health check in text', { Healthcheck: { Test: 'CMD true' } }, 'Healthcheck/Test'],
      ['a build step in text', { OnBuild: 'RUN x' }, 'OnBuild'],
      ['ArgsEscaped in text', { ArgsEscaped: 'yes' }, 'ArgsEscaped'],
      ['AttachStdin in text', { AttachStdin: 'yes' }, 'AttachStdin'],
      ['a timeout in text', { StopTimeout: '10' }, 'StopTimeout'],
      ['a port that is a number', { ExposedPorts: { '80/tcp': 80 } }, 'ExposedPorts/80~1tcp'],
    ] as const
  ).map(([title, config, place]): [string, Parts, RegExp] => [
    title,
    { config: { config } },
    new RegExp(`the config is not valid: at /config/${place}, `),
  ]),
  ['an id that is a number', { config: { id: 5 } }, /the config is not valid: at \/id, /],
  [
    'a day that no calendar has',
    { config: { created: '2024-02-30T00:00:00Z' } },
    /the config is not valid: at \/created, /,
  ],
  [
    'no rootfs',
    { config: { rootfs: undefined } },
    /the config is not valid: .*"rootfs"/,
    /has 1 layers, but its config names 0/,
  ],
  [
    'fewer diffIDs than layers',
    { layers: 2, config: diffIDs(digestOf(Buffer.from('x'))) },
    /2 layers, but the config names 1/,
    /has 2 layers, but its config names 1/,
  ],
  [
    'diffIDs of sha512',
    { config: diffIDs(digestOf(plainLayer('odd 0'), 'sha512')) },
    /diffIDs of another algorithm/,
    /does not name its layers by sha256/,
  ],
  [
    'more steps than layers',
    { config: { history: [{ created_by: 'a' }, { created_by: 'b' }] } },
    /a history with 2 steps that made a layer, but 1 layers/,
  ],
  ['126 layers', { layers: 126 }, /126 layers, of which Docker takes 125/],
  ['another system', { config: { os: 'freebsd' } }, /: for freebsd/],
  [
    'encrypted layers',
    { layer: { mediaType: `${MEDIA_TYPE.ociLayerGzip}+encrypted` }, bytes: Buffer.from('secret') },
    /encrypted layers/,
    /has encrypted layers/,
  ],
  [
    'foreign layers that are away',
    { layer: AWAY, isAway: true },
    /foreign layers are not in the archive/,
    /has foreign layers that are not here/,
  ],
];
