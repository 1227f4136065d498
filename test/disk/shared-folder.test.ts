import assert from 'node:assert/strict';
import {
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { Readable } from 'node:stream';
import { encodedOf } from '../../src/content/digest.js';
import { makeTemporaryFolder } from '../../src/disk/temporary-folder.js';
import { openArchive } from '../../src/store/archive/archive.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openDockerArchiveForWriting } from '../../src/store/archive/docker-archive-writer.js';
import { removeLeftBeside } from '../../src/store/archive/part-file.js';
import { openLayout, openLayoutForWriting } from '../../src/store/layout/layout.js';
import { RepositoryBlobs } from '../../src/store/layout/repository.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import { createUploadSessions } from '../../src/store/remote/upload-sessions.js';
import type { Store } from '../../src/store/store.js';
import { type MadeImage, makeImage, pushAll } from '../support/images.js';
import { needs } from '../support/needs.js';
import { MALLORY, PLANTS, plantFile, plantLink } from '../support/planting.js';
import { chunksOf, uploadTo } from '../support/pushing.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'reg.test/a:1';
const PRECIOUS = 'precious';

describe('in a folder that others may write to', () => {
  const path = useFolder();
  let image: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 'shared', layers: [5000, 70_000] });
  });
  beforeEach(() => writeFile(path('victim'), PRECIOUS));

  async function fill(opening: Promise<Store>): Promise<void> {
    const store = await opening;
    try {
      await store.prepare?.(image.all.map(({ descriptor }) => descriptor));
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, NAME);
      await store.commit?.();
    } finally {
      await store.close();
    }
  }
  const saveArchive = () => fill(openArchiveForWriting(path('out.tar'), { format: 'universal', waitMs: 0 }));
  const saveDockerArchive = () => fill(openDockerArchiveForWriting(path('out.tar'), { waitMs: 0 }));
  const saveLayout = () => fill(openLayoutForWriting(path('out'), { waitMs: 0 }));
  const pushToServed = async (): Promise<void> => {
    await writeFile(path('out/index.json'), JSON.stringify({ schemaVersion: 2, manifests: [] }));
    await writeFile(path('out/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const served = await openServedLayout(path('out'));
    try {
      const [layer] = image.layers;
      assert.ok(layer);
      await uploadTo(await served.openForPush('a'), layer);
    } finally {
      await served.close();
    }
  };
  const requireArchive = async (): Promise<void> => {
    const archive = await openArchive(path('out.tar'));
    assert.equal((await archive.resolve(NAME)).digest, image.manifest.descriptor.digest);
    await archive.close();
    assert.ok((await lstat(path('out.tar'))).isFile());
  };
  const requireLayout = async (): Promise<void> => {
    const layout = await openLayout(path('out'));
    for (const { descriptor, bytes } of image.all)
      assert.ok((await readFile(path(`out/blobs/sha256/${encodedOf(descriptor.digest)}`))).equals(bytes));
    assert.equal((await layout.resolve(NAME)).digest, image.manifest.descriptor.digest);
  };
  const part = (): string =>
    `out/ingest/sha256-${encodedOf(image.layers[1]?.descriptor.digest ?? 'sha256:')}.part`;
  const manifest = (): string => `out/ingest/sha256-${encodedOf(image.manifest.descriptor.digest)}.tmp`;

  /** The names that lading uses of itself: what writes there, and whether it does without what somebody put there. */
  const PLACES: { name: string; at: () => string; use: () => Promise<void>; check?: () => Promise<void> }[] =
    [
      { name: 'the part of an archive', at: () => 'out.tar.part', use: saveArchive },
      { name: 'the journal of an archive', at: () => 'out.tar.part.journal', use: saveArchive },
      { name: 'the lock of an archive', at: () => 'out.tar.part.lock', use: saveArchive },
      { name: 'the part of a docker-archive', at: () => 'out.tar.part', use: saveDockerArchive },
      { name: 'the journal of a docker-archive', at: () => 'out.tar.part.journal', use: saveDockerArchive },
      { name: 'the lock of a layout', at: () => 'out/ingest.lock', use: saveLayout },
      { name: 'the lock of an index', at: () => 'out/index.json.lock', use: saveLayout },
      { name: 'the part of a blob', at: part, use: saveLayout, check: requireLayout },
      { name: 'a manifest that is written', at: manifest, use: saveLayout, check: requireLayout },
      {
        name: 'an index that is written',
        at: () => 'out/index.json.tmp',
        use: saveLayout,
        check: requireLayout,
      },
      { name: 'the folder that blobs grow in', at: () => 'out/ingest', use: saveLayout },
      { name: 'the folder of blobs', at: () => 'out/blobs', use: saveLayout },
      { name: 'the folder of the usual blobs', at: () => 'out/blobs/sha256', use: saveLayout },
      { name: 'the folder of uploads', at: () => 'out/ingest', use: pushToServed },
      { name: "the folder of a repository's blobs", at: () => 'out/.lading/repositories', use: pushToServed },
    ];
  /** An empty folder is what lading would make of it, a lock of nobody's among them. */
  const isHarmless = (what: string, at: string): boolean =>
    what === 'a folder' && !/\.(?:part|journal|tmp)$/.test(at);

  for (const { name, at, use, check } of PLACES) {
    for (const [what, plant] of Object.entries(PLANTS)) {
      it(`${name} is never ${what}`, async function () {
        needs(this, 'file modes', 'mkfifo');
        const folder = path(at()).slice(0, path(at()).lastIndexOf('/'));
        await mkdir(folder, { recursive: true });
        await plant(path(at()), path('victim'));
        const planted = await lstat(path(at()));
        if (check !== undefined || isHarmless(what, at())) {
          await use();
          await check?.();
        } else {
          await assert.rejects(
            use,
            (error: { name: string; code: string; message: string; hint: string }) => {
              assert.match(error.code, /^(?:ALREADY_EXISTS|NOT_WRITABLE|INVALID_LAYOUT)$/);
              assert.ok(error.message.includes(path(at())), error.message);
              assert.match(error.message, /is a (?:symbolic link|file|pipe|socket|directory)|several names/);
              assert.match(error.hint, /Remove it/);
              return true;
            },
          );
          assert.equal((await lstat(path(at()))).ino, planted.ino);
        }
        assert.equal(await readFile(path('victim'), 'utf8'), PRECIOUS);
        await assert.rejects(lstat(path('victim-not-there')), { code: 'ENOENT' });
      });
    }
  }

  for (const lock of ['out.tar.part.lock', 'out.tar.part.lock.00000000-0000-4000-8000-000000000000']) {
    it(`nothing is removed where a link leads in the place of a ${lock.length > 20 ? 'claim to a lock' : 'lock'}, however old`, async () => {
      await mkdir(path('victims'));
      await writeFile(path('victims/notes'), PRECIOUS);
      await writeFile(path('victims/owner-notes'), PRECIOUS);
      await utimes(path('victims'), 0, 0);
      await symlink('victims', path(lock));
      await saveArchive().catch((error) => assert.match(error.message, /lock is a symbolic link/));
      assert.deepEqual((await readdir(path('victims'))).sort(), ['notes', 'owner-notes']);
    });
  }

  it('nothing of a stale lock is removed but what says whose it was', async () => {
    const owner = 'owner-00000000-0000-4000-8000-000000000000';
    await mkdir(path('out.tar.part.lock'));
    for (const name of [owner, 'notes']) await writeFile(path(`out.tar.part.lock/${name}`), PRECIOUS);
    await utimes(path('out.tar.part.lock'), 0, 0);
    await assert.rejects(saveArchive(), { code: 'LOCKED' });
    assert.deepEqual(await readdir(path('out.tar.part.lock')), ['notes']);
  });

  it('a journal without its part is begun anew', async () => {
    await saveDockerArchive();
    const whole = await readFile(path('out.tar'));
    const [layer] = image.layers;
    const line = `${layer?.descriptor.digest} 512 5632\n`;
    await writeFile(path('out.tar.part.journal'), line);
    await saveDockerArchive();
    assert.ok((await readFile(path('out.tar'))).equals(whole));
    assert.deepEqual((await readdir(path())).sort(), ['out.tar', 'victim']);
  });

  it('a part that a link took the place of meanwhile does not get the name of the archive', async () => {
    const store = await openArchiveForWriting(path('out.tar'), { format: 'universal' });
    await store.prepare?.(image.all.map(({ descriptor }) => descriptor));
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, NAME);
    await rename(path('out.tar.part'), path('moved'));
    await symlink('victim', path('out.tar.part'));
    await assert.rejects(async () => store.commit?.(), { code: 'ALREADY_EXISTS', message: /symbolic link/ });
    await store.close();
    await assert.rejects(lstat(path('out.tar')), { code: 'ENOENT' });
  });

  it('a refused journal leaves no part behind that was made for it', async () => {
    await symlink('victim', path('out.tar.part.journal'));
    await assert.rejects(saveArchive(), { code: 'ALREADY_EXISTS' });
    assert.deepEqual((await readdir(path())).sort(), ['out.tar.part.journal', 'victim']);
  });

  it("a repository's blob that is removed is no blob of another layout's, where a link leads there", async () => {
    await saveLayout();
    const digest = image.manifest.descriptor.digest;
    await mkdir(path('other/.lading/repositories/a'), { recursive: true });
    await symlink(path('out/blobs'), path('other/.lading/repositories/a/_blobs'));
    const blobs = new RepositoryBlobs(path('other'));
    await assert.rejects(blobs.remove('a', digest), { code: 'INVALID_LAYOUT', message: /symbolic link/ });
    await requireLayout();
  });

  it('uploads are remembered in a file of this user alone', async function () {
    needs(this, 'file modes', 'mkfifo');
    for (const [what, plant] of Object.entries(PLANTS)) {
      const file = path(`uploads ${what}`);
      await plant(file, path('victim'));
      const sessions = createUploadSessions(file);
      assert.equal(await sessions.load('a'), undefined, what);
      await sessions.save('a', { location: 'https://reg.example/1' });
      assert.equal(await readFile(path('victim'), 'utf8'), PRECIOUS, what);
      const isKept = (await createUploadSessions(file).load('a')) !== undefined;
      assert.equal(isKept, what !== 'a folder', what);
    }
  });

  describe('with another user', () => {
    beforeEach(function () {
      needs(this, 'root');
    });

    it("a part of another user's is neither gone on from nor touched, and its owner is named", async () => {
      await plantFile(path('out.tar.part'), 'poison');
      await plantFile(path('out.tar.part.journal'), '');
      for (const save of [saveArchive, saveDockerArchive])
        await assert.rejects(save, {
          code: 'NOT_WRITABLE',
          message: new RegExp(`out\\.tar\\.part belongs to uid ${MALLORY}`),
        });
      assert.equal(await readFile(path('out.tar.part'), 'utf8'), 'poison');
      assert.deepEqual((await readdir(path())).sort(), ['out.tar.part', 'out.tar.part.journal', 'victim']);
    });

    it("a journal of another user's is not believed", async () => {
      await plantFile(path('out.tar.part.journal'), 'sha256:0 512 100\n');
      await assert.rejects(saveArchive(), { message: /journal belongs to uid/ });
      assert.deepEqual((await readdir(path())).sort(), ['out.tar.part.journal', 'victim']);
    });

    it("a blob does without the part of another user's, and goes on from its own the next time", async () => {
      await mkdir(path('out/ingest'), { recursive: true });
      await plantFile(path(part()), Buffer.alloc(100));
      const [, layer] = image.layers;
      assert.ok(layer);
      const own = path(part().replace(/part$/, `${process.geteuid?.()}.part`));
      await writeFile(own, layer.bytes.subarray(0, 40_000));
      const store = await openLayoutForWriting(path('out'));
      let from = -1;
      await store.push(layer.descriptor, async ({ start = 0 } = {}) => {
        from = start;
        return Readable.from([layer.bytes.subarray(start)], { objectMode: false });
      });
      await store.close();
      assert.equal(from, 40_000);
      assert.deepEqual(await readdir(path('out/ingest')), [part().slice('out/ingest/'.length)]);
      const blob = path(`out/blobs/sha256/${encodedOf(layer.descriptor.digest)}`);
      assert.deepEqual([(await stat(blob)).uid, (await readFile(blob)).equals(layer.bytes)], [0, true]);
    });

    it("content that another user has set aside does not become an image's", async () => {
      await saveLayout();
      const [layer] = image.layers;
      const digest = encodedOf(layer?.descriptor.digest ?? 'sha256:');
      await mkdir(path('out/ingest'));
      await plantFile(path(`out/ingest/sha256-${digest}.removed`), 'poison');
      await plantLink(path(`out/ingest/sha256-${digest.replace(/^./, 'x')}.removed`), 'victim');
      await (await openServedLayout(path('out'))).close();
      assert.ok((await readFile(path(`out/blobs/sha256/${digest}`))).equals(layer?.bytes ?? Buffer.alloc(0)));
    });

    it('an upload is not what another user has put under its name, while it is open or before', async () => {
      await saveLayout();
      const [layer] = image.layers;
      assert.ok(layer);
      const served = await openServedLayout(path('out'));
      const later = await openServedLayout(path('out'));
      try {
        const repository = await served.openForPush('a');
        const upload = await repository.createUpload();
        await upload.append(chunksOf(layer.bytes));
        const [name = ''] = await readdir(path('out/ingest'));
        await rename(path(`out/ingest/${name}`), path('moved'));
        await plantFile(path(`out/ingest/${name}`), layer.bytes);
        await assert.rejects(upload.commit(layer.descriptor.digest), {
          message: new RegExp(`belongs to uid ${MALLORY}`),
        });
        assert.equal(await (await later.openForPush('a')).openUpload(upload.id), undefined);
        assert.deepEqual(await readdir(path('out/ingest')), [name]);
      } finally {
        await served.close();
        await later.close();
      }
    });

    it('what another user left in a cache or under the name of a temporary folder is not taken up', async () => {
      const upload = { location: 'https://evil.example/', savedAt: Date.now() };
      await plantFile(path('uploads.json'), JSON.stringify({ uploads: { a: upload } }), 0o644);
      assert.equal(await createUploadSessions(path('uploads.json')).load('a'), undefined);
      const folder = await makeTemporaryFolder(path());
      const left = folder.path.replace(/\.lading-\d+-\d*-/, '.lading-999999999--');
      await rename(folder.path, left);
      await chown(left, MALLORY, MALLORY);
      const next = await makeTemporaryFolder(path(), { adopts: true });
      assert.ok((await stat(left)).isDirectory());
      assert.equal((await stat(next.path)).uid, 0);
      await next.remove();
    });

    it('what is left beside a finished archive is no reason to fail', async () => {
      await saveArchive();
      await plantLink(path('out.tar.part.lock'), 'victim');
      await removeLeftBeside(path('out.tar'));
      await requireArchive();
    });

    it('a hard link to a file of this user is not written to', async () => {
      await link(path('victim'), path('out.tar.part'));
      await assert.rejects(saveArchive(), { message: /several names \(hard links\)/ });
      assert.equal(await readFile(path('victim'), 'utf8'), PRECIOUS);
    });
  });
});
