import type { Platform } from '../../src/content/platform.js';
import {
  type Content,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
} from '../support/images.js';

type Named = Record<string, { all: Content[]; manifest: Content }>;

/** Bytes of the base layer that all images of the pages share, of the layer of an application, and of its settings. */
const SIZES = { base: 3_000_000, application: 1_200_000, settings: 2000 };
const PLATFORMS: Platform[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
];

/** Returns the images of the registry that the pages save from: small ones, in the form of real ones. */
export async function sourceImages(host: string): Promise<Named> {
  const web = makeIndex(
    await Promise.all(PLATFORMS.map((platform) => makeApplication('web', '1.4', platform))),
  );
  const older = makeIndex(
    await Promise.all(PLATFORMS.map((platform) => makeApplication('web', '1.3', platform))),
  );
  const [linux = { os: 'linux', architecture: 'amd64' }] = PLATFORMS;
  const worker = await makeApplication('worker', '2.0', linux, 'docker');
  const signature = makeCosignSignature(web.manifest.descriptor, `${host}/shop/web`);
  return {
    [`${host}/shop/web:1.3`]: older,
    [`${host}/shop/web:1.4`]: web,
    [`${host}/shop/web:${signature.tag}`]: signature,
    [`${host}/shop/worker:2.0`]: worker,
  };
}

async function makeApplication(
  name: string,
  version: string,
  platform: Platform,
  format: 'oci' | 'docker' = 'oci',
): Promise<MadeImage> {
  const { architecture } = platform;
  return makeImage({
    seed: `${name}/${version}/${architecture}`,
    seeds: [`base/${architecture}`, `${name}/${version}/${architecture}`, `${name}/settings`],
    layers: [SIZES.base, SIZES.application, SIZES.settings],
    platform,
    format,
    steps: [`ADD base-${architecture}.tar.gz /`, `COPY ${name} /usr/bin/${name}`, `COPY ${name}.conf /etc/`],
    config: {
      User: 'nobody',
      Cmd: [`/usr/bin/${name}`],
      Labels: { 'org.opencontainers.image.version': version },
    },
  });
}
