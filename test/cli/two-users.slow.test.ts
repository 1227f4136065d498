import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { LadingError } from '../../src/errors.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { leaveOutAlways, needs } from '../support/needs.js';
import { overriding } from '../support/openers.js';
import { plantFile, plantLink } from '../support/planting.js';
import type { Outcome } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { runLading, startLading } from './program.js';

const TEAM = 4710;
const MALLORY = { uid: 4711, gid: TEAM };
const ALICE = { uid: 4712, gid: TEAM };
const ROOT = { uid: 0, gid: 0 };

describe('two users who share a folder', function () {
  this.timeout(120_000); // up to six programs a test, on a machine that may be busy
  const path = useFolder();
  let registry: TestRegistry;
  let image: MadeImage;

  before(async function () {
    needs(this, 'root');
    const { code } = await runLading(['--version'], { user: ALICE }).catch(() => ({ code: -1 }));
    if (code !== 0) leaveOutAlways(this, 'a checkout and a Node.js that other users may read');
    registry = await startRegistry();
    image = await makeImage({ seed: 'shared', layers: [3_000_000, 4000] });
    await registry.put('app:1', image);
    await registry.put('other:1', await makeImage({ seed: 'other' }));
  });
  after(() => registry?.close());
  /** As /tmp is: all may make files there, and each may remove only their own. */
  beforeEach(async () => {
    await chmod(path(), 0o755);
    await mkdir(path('shared'));
    await chmod(path('shared'), 0o1777);
  });

  async function save(user: typeof ALICE, output: string, ...flags: string[]): Promise<Outcome> {
    const names = flags.some((flag) => flag.startsWith(registry.name)) ? [] : [`${registry.name}/app:1`];
    const args = ['save', ...names, '-o', path(output), '--quiet', ...flags];
    return runLading(args, { user });
  }
  /** Saves, and tells the bytes that were fetched. */
  async function saved(...args: Parameters<typeof save>): Promise<number> {
    const { code, stdout, stderr } = await save(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).bytes.fetched;
  }
  /** Saves until the connection breaks in the middle of the large layer. */
  async function begin(user: typeof ALICE, output: string, ...flags: string[]): Promise<void> {
    const store = registry.storeOf('app');
    const fetch = async (...[descriptor, options]: Parameters<typeof store.fetch>) =>
      descriptor.size < 1_000_000
        ? store.fetch(descriptor, options)
        : Readable.from(half(image.layers[0]?.bytes ?? Buffer.alloc(0)));
    registry.replace('app', overriding(store, { fetch }));
    try {
      const { code, stderr } = await save(user, output, '--retries', '0', ...flags);
      assert.equal(code, 7, stderr);
    } finally {
      registry.replace('app', store);
    }
  }
  /** In pieces, of which those are sent that come before the break. */
  async function* half(bytes: Buffer): AsyncIterable<Buffer> {
    for (let at = 0; at < 2_000_000; at += 20_000) yield bytes.subarray(at, at + 20_000);
    throw new LadingError('CUT_SHORT', 'the connection broke');
  }
  const isWhole = async (output: string): Promise<void> => {
    const { code, stdout, stderr } = await runLading(['verify', path(output)]);
    assert.equal(code, 0, stdout + stderr);
  };
  it('reads no configuration in a home that this user may not enter, as after sudo -u', async () => {
    await mkdir(path('home/.config/lading'), { recursive: true });
    await writeFile(path('home/.config/lading/config.yaml'), 'no setting: 1\n');
    await chmod(path('home'), 0o700);
    const { code, stderr } = await runLading(['config'], { user: ALICE, env: { HOME: path('home') } });
    assert.deepEqual([code, stderr], [0, '']);
  });

  it("does not go on from another user's part, and says whose it is; its owner does", async () => {
    await begin(MALLORY, 'shared/out.tar');
    const part = path('shared/out.tar.part');
    const before = await stat(part);
    assert.equal(before.uid, MALLORY.uid);
    for (const user of [ALICE, ROOT]) {
      const { code, stderr } = await save(user, 'shared/out.tar');
      assert.equal(code, 1);
      const [first, hint] = stderr.trimEnd().split('\n').slice(-2);
      assert.equal(first, `lading: ${part} belongs to uid ${MALLORY.uid}: lading does not resume from it`);
      assert.match(hint ?? '', /^hint: Ask that user to finish or remove it/);
    }
    const after = await stat(part);
    assert.deepEqual([after.mtimeMs, after.size], [before.mtimeMs, before.size]);
    const fetched = await saved(MALLORY, 'shared/out.tar');
    assert.ok(fetched < 2_000_000, `${fetched} bytes are the rest`);
    await isWhole('shared/out.tar');
  });

  it("lets root go on in another user's folder from what root has left there", async () => {
    await mkdir(path('home'));
    await chown(path('home'), ALICE.uid, ALICE.gid);
    await begin(ROOT, 'home/out.tar');
    const fetched = [await saved(ROOT, 'home/out.tar')];
    await begin(ROOT, 'home/layout/');
    fetched.push(await saved(ROOT, 'home/layout/'));
    assert.ok(
      fetched.every((bytes) => bytes < 2_000_000),
      `${fetched} bytes are the rest`,
    );
    await isWhole('home/out.tar');
    await isWhole('home/layout');
  });

  it('overwrites nothing by links, waits for no pipe, and removes nothing by a lock that is a link', async () => {
    await mkdir(path('home'), { mode: 0o700 });
    await writeFile(path('home/notes'), 'precious');
    for (const place of ['home', 'home/notes']) await chown(path(place), ALICE.uid, ALICE.gid);
    for (const [name, target] of [
      ['out.tar.part', 'notes'],
      ['out.tar.part.journal', 'notes'],
      ['out.tar.part.lock', '.'],
    ] as const) {
      const folder = path(`shared/${name}`);
      await mkdir(folder, { mode: 0o777 });
      await chmod(folder, 0o1777);
      await plantLink(join(folder, name), path(`home/${target}`));
      const { code, stderr } = await save(ALICE, `shared/${name}/out.tar`);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`${name} is a symbolic link of uid ${MALLORY.uid}[^\n]*\nhint: `));
      assert.doesNotMatch(stderr, /should not happen/);
      assert.deepEqual(await readdir(path('home')), ['notes']);
      assert.equal(await readFile(path('home/notes'), 'utf8'), 'precious');
    }
  });

  it("says whose an abandoned lock is that this user can't take away", async () => {
    await mkdir(path('shared/out.tar.part.lock'));
    await chown(path('shared/out.tar.part.lock'), MALLORY.uid, MALLORY.gid);
    const { code, stderr } = await save(ALICE, 'shared/out.tar');
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`out\\.tar\\.part\\.lock is a lock of uid ${MALLORY.uid}[^\n]*\nhint: Ask uid`),
    );
    await saved(ROOT, 'shared/out.tar');
  });

  it('does not take an archive that another user has put there for the saved one before it is hashed', async () => {
    await saved(MALLORY, 'shared/out.tar');
    await saved(ALICE, 'shared/out.tar');
    const bytes = await readFile(path('shared/out.tar'));
    const at = bytes.indexOf((image.layers[0]?.bytes ?? Buffer.alloc(0)).subarray(0, 1000));
    bytes.writeUInt8(255 - bytes.readUInt8(at + 500), at + 500);
    await writeFile(path('shared/out.tar'), bytes);
    const { code, stderr } = await save(ALICE, 'shared/out.tar');
    assert.deepEqual([code, /out\.tar cannot be written/.test(stderr)], [1, true], stderr);
    await chmod(path('shared'), 0o777);
    await saved(ALICE, 'shared/out.tar');
    assert.equal((await stat(path('shared/out.tar'))).uid, ALICE.uid);
    await isWhole('shared/out.tar');
  });

  it('leaves nothing that others may write to beyond the umask', async () => {
    for (const output of ['shared/out.tar', 'shared/layout/']) await saved(ALICE, output);
    await begin(ALICE, 'shared/part.tar');
    await begin(ALICE, 'shared/parts/');
    const names = await readdir(path('shared'), { recursive: true });
    assert.ok(names.includes('part.tar.part.journal') && names.includes('parts/ingest'), names.join(' '));
    for (const name of names) {
      const { mode } = await lstat(path(`shared/${name}`));
      assert.equal(mode & 0o022, 0, name);
    }
  });

  it('lets a team fill one layout, and go on where a part of somebody else lies', async () => {
    await mkdir(path('team'));
    await chown(path('team'), 0, TEAM);
    await chmod(path('team'), 0o2770);
    const before = process.umask(0o002); // also of the programs that are started
    try {
      await saved(MALLORY, 'team/images/', `${registry.name}/other:1`);
      await begin(MALLORY, 'team/images/', '--append');
      const parts = await readdir(path('team/images/ingest'));
      assert.equal(parts.length, 1, 'what is not finished');
      await saved(ALICE, 'team/images/', '--append');
      assert.deepEqual(await readdir(path('team/images/ingest')), parts, "mallory's");
      await saved(MALLORY, 'team/images/', '--append');
    } finally {
      process.umask(before);
    }
    await isWhole('team/images');
    const { stdout } = await runLading(['ls', path('team/images')]);
    assert.deepEqual(stdout.match(/(?:app|other):1/g)?.sort(), ['app:1', 'other:1']);
  });

  it('serves a layout in which another user has left what this one may not remove', async () => {
    await saved(ALICE, 'shared/images/');
    for (const folder of ['shared/images', 'shared/images/ingest']) {
      await mkdir(path(folder), { recursive: true });
      await chmod(path(folder), 0o1777);
    }
    const id = '00000000-0000-4000-8000-000000000000';
    const lock = path(`shared/images/ingest/${id}-0123456789abcdef.upload.lock`);
    await mkdir(lock);
    await plantFile(join(lock, `owner-${id}`), '{}');
    await plantFile(path('shared/images/ingest/x.tmp'), '');
    await plantLink(path('shared/images/ingest/y.upload.lock'), '/etc');
    await chown(lock, MALLORY.uid, MALLORY.gid);
    for (const name of [lock, path('shared/images/ingest/x.tmp')]) await utimes(name, 0, 0);
    const args = ['serve', path('shared/images'), '--writable', '--listen', '127.0.0.1:0'];
    const { process: server, outcome } = startLading(args, { user: ALICE });
    assert.ok(server.stdout);
    await once(server.stdout, 'data');
    server.kill('SIGTERM');
    const { code, stderr } = await outcome;
    assert.equal(code, 0, stderr);
    assert.equal((await readdir(path('shared/images/ingest'))).length, 3);
  });
});
