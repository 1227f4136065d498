import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { makeTar } from '../support/tar-maker.js';
import { type Node, nodeOf, textOf } from './json-text.js';

/*
 * Two images of the same shape, so that either can stand where the other one should.
 */

export const GOOD_NAME = 'docker.io/library/app:1';
export const EVIL_NAME = 'docker.io/library/app:2';

export interface PartsOptions {
  /** Changes a document before it gets its digest. */
  alter?: (document: 'config' | 'manifest', node: Node) => Node | Buffer;
  gzip: boolean;
  docker: boolean;
}

/** The content of an image, with the names that its digests give it. */
export interface Parts {
  config: Content;
  layer: Content;
  manifest: Content;
}

export interface Content {
  bytes: Buffer;
  hex: string;
  mediaType: string;
}

const TYPES = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.oci.image.layer.v1.tar+gzip'],
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: [
      'application/vnd.docker.image.rootfs.diff.tar',
      'application/vnd.docker.image.rootfs.diff.tar.gzip',
    ],
  },
};

export function makeParts(who: 'GOOD' | 'EVIL', { alter, gzip, docker }: PartsOptions): Parts {
  const types = docker ? TYPES.docker : TYPES.oci;
  const plain = makeTar({ name: 'who', body: who });
  const layer = contentOf(gzip ? gzipSync(plain) : plain, types.layer[gzip ? 1 : 0] ?? '');
  const config = contentOf(
    written(
      'config',
      nodeOf({
        architecture: 'amd64',
        os: 'linux',
        config: { User: who, Cmd: [`/who-${who}`], Labels: { who }, WorkingDir: '/' },
        rootfs: { type: 'layers', diff_ids: [`sha256:${hexOf(plain)}`] },
        history: [{ created_by: who }],
      }),
      alter,
    ),
    types.config,
  );
  const manifest = written(
    'manifest',
    nodeOf({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: descriptorOf(config),
      layers: [descriptorOf(layer)],
    }),
    alter,
  );
  return { config, layer, manifest: contentOf(manifest, types.manifest) };
}

export interface DescriptorDocument {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export function descriptorOf({ mediaType, hex, bytes }: Content): DescriptorDocument {
  return { mediaType, digest: `sha256:${hex}`, size: bytes.byteLength };
}

function written(document: 'config' | 'manifest', node: Node, alter: PartsOptions['alter']): Buffer {
  const altered = alter?.(document, node) ?? node;
  return Buffer.isBuffer(altered) ? altered : Buffer.from(textOf(altered));
}

function contentOf(bytes: Buffer, mediaType: string): Content {
  return { bytes, hex: hexOf(bytes), mediaType };
}

export function hexOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
