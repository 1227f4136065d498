import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import { detectCompression } from '../../../src/compression/compression.js';
import { convert } from '../../../src/operations/convert/convert.js';
import type { ConvertOptions } from '../../../src/operations/convert/options.js';
import { copyImages } from '../../../src/operations/copy.js';
import { list } from '../../../src/operations/list.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { warningsInto } from '../../support/events.js';
import { fixturePath } from '../../support/fixtures.js';
import { useFolder } from '../../support/temporary.js';

const SOURCE = fixturePath('archives/docker20-multi.tar');
/** Node.js before 22.15 has no encoder for zstd. */
const HAS_ZSTD = 'createZstdCompress' in zlib;

describe('an archive that is compressed as a whole', () => {
  const path = useFolder();

  const make = (output: ConvertOptions['output'], options: Partial<ConvertOptions> = {}) =>
    convert({ source: SOURCE, to: 'docker', output, ...options });

  it('has the form that its name says, is the same bytes twice, and reads like the plain one', async () => {
    await make(path('plain.tar'));
    const names = ['a.tar.gz', 'b.TGZ', ...(HAS_ZSTD ? ['a.tar.zst', 'b.tzst'] : [])];
    for (const name of names) await make(path(name));
    const plain = await list(path('plain.tar'));
    for (const name of names) {
      const bytes = await readFile(path(name));
      assert.equal(detectCompression(bytes), /z?st$/.test(name) ? 'zstd' : 'gzip', name);
      assert.deepEqual(await list(path(name)), { ...plain, location: path(name) }, name);
      assert.deepEqual((await verify(path(name))).findings, [], name);
    }
    assert.deepEqual(await readFile(path('a.tar.gz')), await readFile(path('b.TGZ')));
    if (HAS_ZSTD) assert.deepEqual(await readFile(path('a.tar.zst')), await readFile(path('b.tzst')));
    assert.deepEqual((await readdir(path('.'))).sort(), [...names, 'plain.tar'].sort());
  });

  it('holds what the plain one holds, byte for byte where that is written to a stream', async () => {
    for (const format of ['universal', 'oci-archive', 'docker-archive'] as const) {
      const [tar, gzip] = [new PassThrough(), new PassThrough()];
      const bytes = Promise.all([buffer(tar), buffer(gzip)]);
      const platforms = ['linux/amd64'];
      await make(tar, { format, platforms });
      await make(gzip, { format, platforms, archiveCompression: 'gzip', archiveCompressionLevel: 9 });
      await make(path(`${format}.tgz`), { format, platforms, archiveCompressionLevel: 9 });
      tar.end();
      gzip.end();
      const [plain, compressed] = await bytes;
      assert.deepEqual(zlib.gunzipSync(compressed), plain, format);
      assert.deepEqual(await readFile(path(`${format}.tgz`)), compressed, format);
    }
  });

  it('needs an encoder for zstd: without one nothing is written', async () => {
    if (HAS_ZSTD) return void (await make(path('a'), { archiveCompression: 'zstd' }));
    await assert.rejects(make(path('a.tar.zst')), {
      code: 'UNSUPPORTED',
      message: /cannot compress with zstd/,
    });
    assert.deepEqual(await readdir(path('.')), []);
  });

  it('is refused under a name that promises another form, and so is a layout', async () => {
    const refused = (output: string, options: Partial<ConvertOptions>, message: RegExp) =>
      assert.rejects(make(output, options), { code: 'USAGE', message });
    await refused(path('a.tar.xz'), {}, /a form that lading does not write/);
    await refused(path('a.zip'), { archiveCompression: 'gzip' }, /a form that lading does not write/);
    await refused(path('a.tar'), { archiveCompression: 'gzip' }, /name of a plain tar, not of a gzip file/);
    await refused(path('a.tgz'), { archiveCompression: 'none' }, /name of a gzip file, not of a plain tar/);
    await refused(
      path('a.tar.zst'),
      { archiveCompression: 'gzip' },
      /name of a zstd file, not of a gzip file/,
    );
    await refused(path('a.tar.gz'), { format: 'oci' }, /name of an archive, and a layout is a directory/);
    await refused(path('a/'), { archiveCompression: 'gzip' }, /a layout is a directory/);
    await refused(
      path('a.tgz'),
      { archiveCompressionLevel: 10 },
      /level of gzip is a whole number from 1 to 9/,
    );
    await refused(
      path('a.tar'),
      { archiveCompressionLevel: 3 },
      /a level is for an archive that is compressed/,
    );
    await refused('docker://127.0.0.1:1', { archiveCompression: 'gzip' }, /only for files/);
    await make(path('a.tgz/'));
    assert.deepEqual(await readdir(path('.')), ['a.tgz']);
  });

  it('is never changed: not by another run, and not to add to it', async () => {
    await make(path('a.tgz'));
    const before = await readFile(path('a.tgz'));
    for (const append of [false, true])
      await assert.rejects(make(path('a.tgz'), { append }), { code: 'ALREADY_EXISTS' });
    await assert.rejects(copyImages({ source: SOURCE, destination: path('a.tgz') }), {
      code: 'ALREADY_EXISTS',
    });
    assert.deepEqual(await readFile(path('a.tgz')), before);
    await copyImages({ source: path('a.tgz'), destination: path('b.tar.gz') });
    assert.deepEqual((await verify(path('b.tar.gz'))).findings, []);
  });

  it('leaves nothing behind when it fails, and replaces what a killed run left', async () => {
    await writeFile(path('a.tgz.part'), 'longer than the archive: '.repeat(10_000), { mode: 0o600 });
    await make(path('a.tgz'));
    assert.deepEqual((await verify(path('a.tgz'))).findings, []);
    const controller = new AbortController();
    const onEvent: ConvertOptions['onEvent'] = ({ type }) => {
      if (type === 'planned') controller.abort(new Error('stop'));
    };
    await assert.rejects(make(path('b.tgz'), { signal: controller.signal, onEvent }));
    assert.deepEqual(await readdir(path('.')), ['a.tgz']);
  });

  it('fails with the error of the place that it is written to', async () => {
    const failing = (code: string): Writable =>
      new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
    const into = (target: Writable) => make(target, { archiveCompression: 'gzip' });
    await assert.rejects(into(failing('EPIPE')), {
      code: 'IO',
      message: /closed before the archive was whole/,
    });
    await assert.rejects(into(failing('ENOSPC')), { code: 'NO_SPACE' });
  });
});

describe('layers compressed with zstd', () => {
  const path = useFolder();

  it('are made for OCI, with a warning about who cannot read them', async () => {
    const warnings: string[] = [];
    const options = { source: SOURCE, onEvent: warningsInto(warnings), compression: 'zstd' } as const;
    await assert.rejects(convert({ ...options, to: 'docker', output: path('a.tar') }), { code: 'USAGE' });
    const made = convert({ ...options, to: 'oci', output: path('a/'), compressionLevel: 19 });
    if (!HAS_ZSTD) return assert.rejects(made, { code: 'UNSUPPORTED' });
    await made;
    const { findings, checked } = await verify(path('a'));
    assert.deepEqual([findings, checked.diffIDs > 0], [[], true]);
    assert.match(warnings.join(), /not read by Docker before 23/);
  });

  it('have a level only where something is compressed', async () => {
    const level = (options: Partial<ConvertOptions>) =>
      convert({ source: SOURCE, to: 'oci', output: path('a/'), ...options });
    await assert.rejects(level({ compressionLevel: 3 }), { code: 'USAGE' });
    await assert.rejects(level({ compressionLevel: 10, compression: 'gzip' }), { code: 'USAGE' });
  });
});
