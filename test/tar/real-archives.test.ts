import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { cleanPath } from '../../src/disk/files.js';
import { openTar } from '../../src/tar/read.js';
import { fixturePath } from '../support/fixtures.js';

/** Returns all regular files, as read by an independent reader that reads all bytes. */
async function filesByStreaming(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const entry of createReadStream(path).pipe(extract())) {
    const bytes = await buffer(entry);
    if (entry.header.type === 'file') files.set(cleanPath(entry.header.name) ?? '', bytes);
  }
  return files;
}

describe('openTar on archives of real tools', () => {
  for (const name of [
    'archives/crane-tarball.tar',
    'archives/ctr-export-multi.tar',
    'archives/docker20-multi.tar',
    'archives/podman-multi.tar',
    'archives/skopeo-oci-archive.tar',
    'docker-archives/synthetic/dot-slash-names.tar',
  ]) {
    it(`finds every file of ${name} with its bytes`, async () => {
      const path = fixturePath(name);
      const expected = await filesByStreaming(path);
      const tar = await openTar(path);
      try {
        assert(expected.size > 0);
        for (const [file, bytes] of expected) {
          assert.equal(await tar.size(file), bytes.length, file);
          assert((await tar.read(file, bytes.length)).equals(bytes), file);
        }
        for (const { path: file, size } of await tar.list()) {
          assert.equal((await buffer(await tar.open(file))).length, size, file);
        }
      } finally {
        await tar.close();
      }
    });
  }

  it("follows docker's and podman's links from one layer folder to another", async () => {
    for (const [name, link, target] of [
      [
        'archives/docker20-multi.tar',
        '57a11c6141b2646fb14684d2995d8386697c0f03051b9be70964be2bb99b9eec/layer.tar',
        'dbc6df1349a08a88b02f4e20749ac6f8a43d23637fb960c2c31f3884b8b9c5ce/layer.tar',
      ],
      [
        'archives/podman-multi.tar',
        '206947ae54992402e766fedbbde5e1144b3eb5f6a9d43248b6598c92090b3277/layer.tar',
        '1c760237439baa0e786a9f4c8ff8f99dd9e9090096245553261c2f82b15527b9.tar',
      ],
    ] as const) {
      const tar = await openTar(fixturePath(name));
      try {
        const region = await tar.region(link);
        assert(region !== undefined);
        assert.deepEqual(region, await tar.region(target));
      } finally {
        await tar.close();
      }
    }
  });

  it('reads an archive beside its link to /etc/passwd, and refuses the link', async () => {
    const tar = await openTar(fixturePath('docker-archives/synthetic/evil-symlink-absolute.tar'));
    try {
      assert.equal((await tar.read('manifest.json', 1000)).length, 84);
      await assert.rejects(tar.open('l1.tar'), {
        code: 'INVALID_ARCHIVE',
        message: /leads out of the archive/,
      });
    } finally {
      await tar.close();
    }
  });
});
