/**
 * Makes an image of lading itself, as one archive for all architectures that loads in every engine. Its layers are the
 * libraries of Debian that Node.js needs, and the executable; lading's own library compresses them and writes the
 * archive. Usage: node src/packaging/image.mjs [ARCHITECTURE…], after the executables were made. Writes
 * release/lading-VERSION-image.tar
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { NoDebian } from './debian-mirror.mjs';
import { baseFiles, HOME, USER, WORK } from './image-base.mjs';
import { licenses } from './licenses.mjs';
import { ARCHITECTURES, OTHER_NAME } from './node-release.mjs';
import { tarOf } from './tar.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIBRARY = new URL('../../dist/index.js', import.meta.url);
/** Nothing of the clock: engines show this time for the image. */
const CREATED = '1970-01-01T00:00:00Z';
/** Of lading, Node.js and its parts, the C library, the compiler's libraries, and Debian's base files. */
const LICENSES =
  'Apache-2.0 AND MIT AND LGPL-2.1-or-later AND GPL-3.0-or-later WITH GCC-exception-3.1 AND GPL-2.0-or-later';

/**
 * Writes the archive from the executables of these architectures. Returns its path and what it was made from, one line
 * for each architecture. The same tree and the same packages of Debian give the same bytes. Rejects with `NoDebian`
 * where such packages cannot be had.
 */
export async function makeImage(architectures) {
  const { convert, createMemoryStore, MEDIA_TYPE } = await import(LIBRARY);
  const about = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const store = createMemoryStore();
  const types = {
    layer: MEDIA_TYPE.ociLayerTar,
    config: MEDIA_TYPE.ociConfig,
    manifest: MEDIA_TYPE.ociManifest,
  };
  const images = [];
  const lines = [];
  for (const architecture of architectures) {
    const { manifest, packages } = await pushImage(store, types, architecture, about);
    images.push({ ...manifest, platform: platformOf(architecture) });
    lines.push(`linux/${OTHER_NAME[architecture]}: ${packages}`);
  }
  const mediaType = MEDIA_TYPE.ociIndex;
  const index = await pushJSON(store, mediaType, {
    ...{ schemaVersion: 2, mediaType },
    ...{ manifests: images, annotations: annotationsOf(about) },
  });
  await store.tag(index, `docker.io/library/${about.name}:${about.version}`);

  const path = join(ROOT, 'release', `${about.name}-${about.version}-image.tar`);
  await rm(path, { force: true });
  const compression = { compression: 'gzip', compressionLevel: 6 }; // every engine reads gzip; 9 takes three times as long for 0.6 %
  await convert({ source: store, output: path, format: 'universal', to: 'oci', ...compression });
  return { path, lines };
}

/** Puts the image for an architecture into the store; returns its descriptor, and the packages of Debian in it. */
async function pushImage(store, types, architecture, about) {
  const base = await baseFiles(OTHER_NAME[architecture]);
  const packages = base.packages.map(({ name, version }) => `${name} ${version}`).join(', ');
  const layers = [];
  for (const files of [base.files, await programFiles(architecture)])
    layers.push(await pushContent(store, types.layer, await tarOf(files)));
  const config = await pushJSON(store, types.config, {
    created: CREATED,
    ...platformOf(architecture),
    config: {
      User: `${USER}:${USER}`,
      Env: ['PATH=/usr/bin', `HOME=${HOME}`],
      Entrypoint: ['/usr/bin/lading'],
      WorkingDir: WORK,
      Labels: { ...annotationsOf(about), 'io.github.lading-project.debian-packages': packages },
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: [
      { created: CREATED, created_by: 'npm run release', comment: `Debian: ${packages}` },
      { created: CREATED, created_by: 'npm run release', comment: `${about.name} ${about.version}` },
    ],
  });
  const mediaType = types.manifest;
  const manifest = await pushJSON(store, mediaType, {
    ...{ schemaVersion: 2, mediaType },
    ...{ config, layers, annotations: annotationsOf(about) },
  });
  return { manifest, packages };
}

/** The executable, and the licenses of what is in it. */
async function programFiles(architecture) {
  const executable = await readFile(join(ROOT, 'release', `lading-linux-${architecture}`));
  return new Map([
    ['usr/bin/lading', { bytes: executable, mode: 0o755 }],
    ...[...(await licenses())].map(([name, text]) => [
      `usr/share/doc/lading/${name}`,
      { bytes: Buffer.from(text), mode: 0o644 },
    ]),
  ]);
}

/** (OCI image specification, "Pre-Defined Annotation Keys") */
function annotationsOf({ name, version, description, homepage, repository }) {
  const values = {
    title: name,
    description,
    version,
    licenses: LICENSES,
    url: homepage,
    documentation: homepage,
    source: repository.url.replace(/^git\+/, ''),
  };
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
  );
}

function platformOf(architecture) {
  return { architecture: OTHER_NAME[architecture], os: 'linux' };
}

function pushJSON(store, mediaType, document) {
  return pushContent(store, mediaType, Buffer.from(JSON.stringify(document)));
}

async function pushContent(store, mediaType, bytes) {
  const digest = (await import(LIBRARY)).digestOf(bytes);
  const descriptor = { mediaType, digest, size: bytes.length };
  await store.push(descriptor, async ({ start = 0 } = {}) => Readable.from([bytes.subarray(start)]));
  return descriptor;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const wanted = process.argv.slice(2);
  try {
    const { path, lines } = await makeImage(wanted.length > 0 ? wanted : ARCHITECTURES);
    console.log([`${path}: ${((await stat(path)).size / 1e6).toFixed(0)} MB`, ...lines].join('\n'));
  } catch (error) {
    if (!(error instanceof NoDebian)) throw error;
    console.log(`The image is left out: ${error.message}`);
  }
}
