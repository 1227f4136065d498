import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { save } from '../../src/operations/save.js';
import type { SaveFormat } from '../../src/transfer/files/write-files.js';
import { startRegistry } from '../operations/registry.js';
import { fixturePath } from '../support/fixtures.js';
import { makeCosignSignature, makeImage, makeIndex, makeReferrer } from '../support/images.js';
import { ARCHIVE, type Files } from './mutations.js';
import { unitsOf } from './tar-units.js';

/** Something to mutate. */
export interface Subject {
  name: string;
  kind: 'tar' | 'compressed tar' | 'folder';
  files: Files;
  /** What `load` needs to know of an archive whose images have no full names. */
  load: { name?: string; images?: string[] };
  /** Files of this form whose content no digest covers: another content in them is another image. */
  undigested: RegExp | undefined;
}

const FIXTURES = fixturePath('');

/** Archives that are wrong as they are: nothing is to be learned from making them worse. */
const WRONG = /corrupt-blob|layout-version-2|wrong-size|evil-|bad-|null-manifest|lost-manifest/;

/** The forms of Docker before 1.10 and of skopeo's `dir:` name images, layers or manifests by no digest. */
const UNDIGESTED = new Map([
  ['archives/docker-v1.0-repositories-only.tar', /^[0-9a-f]{64}(\/(json|layer\.tar|VERSION)?)?$/],
  ['archives/skopeo-dir-multi.tar', /^[^/]+\/(manifest\.json|version)?$/],
  ['docker-archives/synthetic/dot-slash-names.tar', /^config\.json$/],
]);

const LOAD = new Map<string, Subject['load']>([
  ['archives/crane-oci-multi.tar', { name: 'reg.test/app:1', images: ['@0'] }],
  ['archives/regctl-ocidir.tar', { name: 'reg.test/app' }],
  ['docker-archives/docker25-by-digest.tar', { name: 'reg.test/app:1' }],
  ['layouts/skopeo-two-names.tar.gz', { name: 'reg.test/app' }],
  ['layouts/synthetic/index-first.tar', { name: 'reg.test/app' }],
  ['layouts/synthetic/ok.tar', { name: 'reg.test/app' }],
]);

/** Every archive and layout among the fixtures. */
export function fixtureSubjects(): Subject[] {
  const names = ['archives', 'layouts', 'docker-archives'].flatMap((folder) =>
    readdirSync(join(FIXTURES, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  );
  const archives = names
    .filter((name) => /\.tar(\.gz)?$/.test(name) && !WRONG.test(name))
    .sort()
    .map(
      (name): Subject => ({
        name,
        kind: name.endsWith('.gz') ? 'compressed tar' : 'tar',
        files: new Map([[ARCHIVE, readFileSync(join(FIXTURES, name))]]),
        load: LOAD.get(name) ?? {},
        undigested: UNDIGESTED.get(name),
      }),
    );
  return [...archives, ...archives.filter(({ name }) => /-dir-multi/.test(name)).map(unpacked)];
}

/** The same as files in a folder, which is what the tar was made of. */
function unpacked({ name, files, ...subject }: Subject): Subject {
  const tar = files.get(ARCHIVE) ?? Buffer.alloc(0);
  const units = unitsOf(tar).filter(({ path }) => !path.endsWith('/') && path !== '');
  return {
    ...subject,
    name: `${name}, unpacked`,
    kind: 'folder',
    files: new Map(units.map(({ path, body, size }) => [path, tar.subarray(body, body + size)])),
  };
}

/** What lading saves in every format. */
export const SAVED = [
  'save --format universal',
  'save --format oci-archive',
  'save --format docker-archive',
  'save --format docker-archive --docker-legacy',
  'save --format oci',
] as const;

/** An index with what is attached to it, and an image of Docker's, as lading saves them. */
export async function savedSubjects(folder: string): Promise<ReadonlyMap<string, Subject>> {
  const registry = await startRegistry();
  try {
    const amd64 = await makeImage({ seed: 'mutated amd64', layers: [300, 900] });
    const platform = { os: 'linux', architecture: 'arm64' };
    const arm64 = await makeImage({ seed: 'mutated arm64', layers: [200], platform });
    const index = makeIndex([amd64, arm64]);
    const { descriptor } = index.manifest;
    const signature = makeCosignSignature(descriptor);
    await registry.put('team/app:1', index);
    await registry.put(
      'team/app:sbom',
      makeReferrer(descriptor, { artifactType: 'text/x-sbom', payload: 'it' }),
    );
    await registry.put(`team/app:${signature.tag}`, signature);
    await registry.put(
      'tools/old:2',
      await makeImage({ seed: 'mutated docker', format: 'docker', layers: [300] }),
    );
    const images = ['team/app:1', 'tools/old:2'].map((image) => `${registry.name}/${image}`);

    const subjects = new Map<string, Subject>();
    for (const [place, name] of SAVED.entries()) {
      const [, format] = /--format (universal|oci-archive|docker-archive|oci)/.exec(name) ?? [];
      const output = join(folder, `saved-${place}`);
      await save({ images, output, format: format as SaveFormat, dockerLegacy: name.endsWith('legacy') });
      const files =
        format === 'oci' ? await filesUnder(output) : new Map([[ARCHIVE, await readFile(output)]]);
      const kind = format === 'oci' ? 'folder' : 'tar';
      subjects.set(name, { name, kind, files, load: {}, undigested: undefined });
    }
    return subjects;
  } finally {
    await registry.close();
  }
}

async function filesUnder(folder: string): Promise<Files> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}
