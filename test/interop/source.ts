import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import {
  type Attached,
  pushAttached,
  pushBigDockerImage,
  pushBigPlainImage,
  pushDockerChain,
  pushOCIImage,
  pushSchema1,
  pushTwoPlatforms,
} from './images.js';

/** Every program that `openSource` and `addBigImage` need. */
export const SOURCE_PROGRAMS = [
  'docker-registry',
  'docker',
  'dockerd',
  'containerd',
  'buildah',
  'skopeo',
] as const;

/** A docker-registry with the small images that most tests save. */
export interface Source {
  registry: DockerRegistry;
  host: string;
  /** `app/chain:1` and `:2`, built by Docker, Docker's schema2; and `:2-schema1`. */
  chain: string;
  /** `app/single:1`, an OCI image. */
  single: string;
  /** `app/multi:oci` and `:docker`, an image index and a manifest list of two platforms. */
  multi: string;
  /** `app/signed:1`, an OCI image with what is attached to it. */
  signed: string;
  attached: Attached;
}

let source: Promise<Source> | undefined;

/** The registry of this run, filled when first asked for. */
export function openSource(): Promise<Source> {
  source ??= fill();
  return source;
}

let big: Promise<string> | undefined;

/** Adds `app/big:gzip` and `:plain` to the registry of this run when first asked for; returns the repository. */
export function addBigImage(): Promise<string> {
  big ??= openSource().then(async ({ host }) => {
    await pushBigDockerImage(host, 'app/big');
    await pushBigPlainImage(host, 'app/big');
    return 'app/big';
  });
  return big;
}

async function fill(): Promise<Source> {
  const registry = await startDockerRegistry({ schema1: true });
  const { host } = registry;
  await pushDockerChain(host, 'app/chain');
  await pushSchema1(host, 'app/chain', '2');
  await pushOCIImage(host, 'app/single', 'app/chain:2');
  await pushTwoPlatforms(host, 'app/multi');
  await pushOCIImage(host, 'app/signed', 'app/chain:1');
  const attached = await pushAttached(host, 'app/signed', '1');
  return {
    registry,
    host,
    chain: 'app/chain',
    single: 'app/single',
    multi: 'app/multi',
    signed: 'app/signed',
    attached,
  };
}
