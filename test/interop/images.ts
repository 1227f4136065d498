import { copyFile, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { startDockerd } from '../support/programs/dockerd.js';
import { buildah } from '../support/programs/podman.js';
import {
  documentOf,
  getManifest,
  type NamedContent,
  putBlob,
  putManifest,
  sha256,
  TYPE,
} from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** The text of `/hello.txt` in the small images. */
export const HELLO = 'carried across the gap\n';

/** Builds with Docker and pushes: `REPOSITORY:1`, and `REPOSITORY:2` with two more layers on top of it. */
export async function pushDockerChain(host: string, repository: string): Promise<void> {
  const context = await smallContext();
  await writeFile(
    join(context, 'Dockerfile'),
    'FROM scratch\nCOPY hello.txt /\nCOPY folder /folder\nENV GREETING=hello\nCMD ["/hello.txt"]\n',
  );
  await writeFile(
    join(context, 'Dockerfile.2'),
    `FROM ${host}/${repository}:1\nCOPY more.txt /folder/\nLABEL step=2\nCOPY hello.txt /again.txt\n`,
  );
  const { docker } = await startDockerd();
  await docker('build', '-t', `${host}/${repository}:1`, context);
  await docker('build', '-t', `${host}/${repository}:2`, '-f', join(context, 'Dockerfile.2'), context);
  for (const tag of ['1', '2']) await docker('push', `${host}/${repository}:${tag}`);
}

/** Pushes what Docker built once more, as an OCI image: `REPOSITORY:1`. */
export async function pushOCIImage(host: string, repository: string, dockerImage: string): Promise<void> {
  await skopeo(
    ...['copy', '--format', 'oci', '--src-tls-verify=false', '--dest-tls-verify=false'],
    ...[`docker://${host}/${dockerImage}`, `docker://${host}/${repository}:1`],
  );
}

/** Builds for amd64 and arm64 and pushes: `REPOSITORY:oci` with an image index, `:docker` with a manifest list. */
export async function pushTwoPlatforms(host: string, repository: string): Promise<void> {
  const context = await smallContext();
  for (const architecture of ['amd64', 'arm64']) await writeFile(join(context, architecture), architecture);
  await writeFile(
    join(context, 'Dockerfile'),
    'FROM scratch\nARG TARGETARCH\nCOPY hello.txt /\nCOPY $TARGETARCH /architecture\n',
  );
  const platforms = ['--platform', 'linux/amd64,linux/arm64'];
  await buildah('bud', '--layers', ...platforms, '--manifest', 'lading-interop-two-platforms', context);
  for (const [tag, format] of Object.entries({ oci: 'oci', docker: 'v2s2' })) {
    await buildah(
      ...['manifest', 'push', '--all', '--tls-verify=false', '--format', format],
      ...['lading-interop-two-platforms', `docker://${host}/${repository}:${tag}`],
    );
  }
}

/** Builds with Docker from over 300 MB of programs of this machine and pushes: `REPOSITORY:gzip`, three layers. */
export async function pushBigDockerImage(host: string, repository: string): Promise<void> {
  const { docker } = await startDockerd();
  const image = `${host}/${repository}:gzip`;
  await docker('build', '-t', image, await bigContext());
  await docker('push', image);
}

/**
 * The same, which has to be there, as an OCI image whose layers are plain tars, so that over 300 MB are
 * transferred: `REPOSITORY:plain`.
 */
export async function pushBigPlainImage(host: string, repository: string): Promise<void> {
  const { endpoint } = await startDockerd();
  const layout = `oci:${await temporaryFolder('plain')}:big`;
  await skopeo(
    ...['copy', '--src-daemon-host', endpoint, '--dest-oci-accept-uncompressed-layers'],
    ...[`docker-daemon:${host}/${repository}:gzip`, layout],
  );
  // Without --preserve-digests the layers would be compressed on their way.
  const destination = `docker://${host}/${repository}:plain`;
  await skopeo('copy', '--preserve-digests', '--dest-tls-verify=false', layout, destination);
  // skopeo 1.9 names the layers tar+gzip all the same.
  const { bytes, mediaType } = await getManifest(host, repository, 'plain');
  const honest = Buffer.from(bytes.toString().replaceAll('.tar+gzip', '.tar'));
  await putManifest(host, repository, 'plain', mediaType, honest);
}

/**
 * Stores an image as signed schema1 under `TAG-schema1`, from the conversion that docker-registry makes for
 * clients that accept nothing newer. Needs a registry with `schema1`.
 */
export async function pushSchema1(host: string, repository: string, tag: string): Promise<NamedContent> {
  const converted = await getManifest(host, repository, tag, []);
  return putManifest(host, repository, `${tag}-schema1`, TYPE.dockerSchema1, converted.bytes);
}

export interface Attached {
  /** The manifest in the tag `sha256-….sig`. */
  signature: NamedContent;
  /** The manifest whose `subject` is the image, listed in the fallback tag `sha256-…`. */
  referrer: NamedContent;
  /** The blob of the referrer. */
  sbom: NamedContent;
}

/** Attaches to an image a signature as cosign does, and an SBOM as referrer under the fallback tag. */
export async function pushAttached(host: string, repository: string, tag: string): Promise<Attached> {
  const image = await getManifest(host, repository, tag);
  const subject = { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length };
  const fallback = image.digest.replace(':', '-');
  const blob = (mediaType: string, document: unknown) =>
    putBlob(host, repository, mediaType, Buffer.from(JSON.stringify(document)));
  const manifest = (reference: string | undefined, mediaType: string, fields: object) => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
    return putManifest(host, repository, reference ?? sha256(bytes), mediaType, bytes);
  };

  const payload = await blob('application/vnd.dev.cosign.simplesigning.v1+json', {
    critical: {
      identity: { 'docker-reference': `${host}/${repository}` },
      image: { 'docker-manifest-digest': image.digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const signature = await manifest(`${fallback}.sig`, TYPE.ociManifest, {
    config: await blob(TYPE.ociConfig, {
      architecture: '',
      os: '',
      config: {},
      rootfs: { type: 'layers', diff_ids: [payload.digest] },
    }),
    layers: [{ ...payload, annotations: { 'dev.cosignproject.cosign/signature': 'bm90IGNoZWNrZWQ=' } }],
  });

  const artifactType = 'application/spdx+json';
  const sbom = await blob(artifactType, { spdxVersion: 'SPDX-2.3', name: repository });
  const referrer = await manifest(undefined, TYPE.ociManifest, {
    artifactType,
    config: await blob('application/vnd.oci.empty.v1+json', {}),
    layers: [sbom],
    subject,
  });
  // What a client that pushes a referrer does where the referrers API is missing.
  await manifest(fallback, TYPE.ociIndex, { manifests: [{ ...referrer, artifactType }] });
  return { signature, referrer, sbom };
}

/** The digest that Docker and podman call the image's ID: of its config, for linux/amd64 of an index. */
export async function imageIDOf(host: string, repository: string, tag: string): Promise<string> {
  const root = documentOf((await getManifest(host, repository, tag)).bytes);
  const amd64 = root.manifests?.find((child) => child.platform?.architecture === 'amd64');
  const image = amd64 ? documentOf((await getManifest(host, repository, amd64.digest)).bytes) : root;
  if (image.config === undefined) throw new Error(`${repository}:${tag} has no config`);
  return image.config.digest;
}

async function smallContext(): Promise<string> {
  const context = await temporaryFolder('context');
  await writeFile(join(context, 'hello.txt'), HELLO);
  await writeFile(join(context, 'more.txt'), 'one more file\n'.repeat(1000));
  await mkdir(join(context, 'folder', 'deeper'), { recursive: true });
  await writeFile(join(context, 'folder', 'deeper', 'empty'), '');
  await symlink('deeper/empty', join(context, 'folder', 'link'));
  await copyFile('/etc/os-release', join(context, 'folder', 'os-release'));
  return context;
}

let big: Promise<string> | undefined;

/** A build context of three layers: over 200, 60 and 40 MB of the largest programs that are installed. */
function bigContext(): Promise<string> {
  big ??= makeBigContext();
  return big;
}

async function makeBigContext(): Promise<string> {
  const context = await temporaryFolder('big');
  const files = await largestPrograms();
  const lines = ['FROM scratch'];
  for (const [layer, megabytes] of Object.entries({ first: 200, second: 60, third: 40 })) {
    await mkdir(join(context, layer));
    for (let size = 0; size < megabytes * 1e6; ) {
      const file = files.shift();
      if (file === undefined) throw new Error('too few large programs on this machine for a big image');
      await copyFile(file.path, join(context, layer, basename(file.path)));
      size += file.size;
    }
    lines.push(`COPY ${layer} /${layer}/`);
  }
  await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  return context;
}

async function largestPrograms(): Promise<{ path: string; size: number }[]> {
  const files = new Map<string, { path: string; size: number }>();
  for (const folder of ['/usr/bin', '/usr/sbin', '/usr/lib/x86_64-linux-gnu', '/usr/local/bin']) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(folder, entry.name);
      files.set(entry.name, { path, size: (await stat(path)).size });
    }
  }
  return [...files.values()].sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1));
}
