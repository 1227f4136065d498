import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openDockerArchiveForWriting } from '../../src/store/archive/docker-archive-writer.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import type { Store } from '../../src/store/store.js';
import { PROGRAM } from '../cli/program.js';
import { copyInto, storeOf } from '../support/archives.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { type Outcome, run } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'reg.test/big:1';

describe('a file that is larger than its file system allows', () => {
  const path = useFolder();
  let image: MadeImage;
  let source: Store;
  before(async () => {
    image = await makeImage({ seed: 'big', layers: [1_500_000] });
    source = await storeOf({ [NAME]: image });
  });
  beforeEach(async () => {
    await copyInto(await openArchiveForWriting(path('in.tar'), { format: 'universal' }), source, [NAME]);
  });

  /** Runs the program where no file may grow beyond a megabyte: writing more fails with EFBIG. */
  const limited = (args: string): Promise<Outcome> => {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', TMPDIR: path() };
    const script = `ulimit -f 1000; "$0" "$1" ${args}`;
    const options = { env, cwd: path(), timeout: 15_000 };
    return run('bash', ['-c', script, process.execPath, PROGRAM], options);
  };

  for (const [writer, command] of Object.entries({
    'an archive': 'convert in.tar --to docker -o out.tar',
    'a blob of a layout': 'convert in.tar --to docker -o out/',
    'a docker-archive': 'copy in.tar docker-archive:out.tar',
    'a layer that is decompressed': 'convert in.tar --to docker --compression none -o out.tar',
    'an archive that is decompressed': 'verify in.tgz',
    'standard input that is kept': 'load -i - 127.0.0.1:1 < in.tar',
  })) {
    it(`ends ${writer} with 1, one line and what to do`, async () => {
      await writeFile(path('in.tgz'), gzipSync(await readFile(path('in.tar')), { level: 1 }));
      const { code, stderr } = await limited(command);
      assert.equal(code, 1, stderr);
      const lines = stderr.split('\n').filter((line) => /^(lading|hint):/.test(line));
      assert.equal(lines.length, 2, stderr);
      assert.match(lines[0] ?? '', /^lading: \S+ would exceed the maximum size of a file there$/);
      assert.match(lines[1] ?? '', /exFAT.*ulimit -f/);
      assert.equal(existsSync(path('out.tar')), false, 'no file has its final name');
      const left = (await readdir(path())).filter((name) => name.startsWith('.lading-'));
      assert.deepEqual(left, [], 'what was temporary is gone');
    });
  }

  it('is refused before the first byte by every writer that knows it, and leaves nothing', async () => {
    const statfs = async () => ({ type: 0x4d44, bavail: 2 ** 40, bsize: 1 });
    const huge = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: image.manifest.descriptor.digest,
      size: 2 ** 32,
    };
    const before = await readdir(path());
    const writers = [
      () => openArchiveForWriting(path('out.tar'), { format: 'universal', statfs }),
      () => openDockerArchiveForWriting(path('out.tar'), { statfs }),
      () => openLayoutForWriting(path('out'), { statfs }),
    ];
    for (const open of writers) {
      const store = await open();
      await assert.rejects(async () => store.prepare?.([huge]), { code: 'USAGE', message: /FAT/ });
      await store.close();
      assert.deepEqual(await readdir(path()), before);
    }
  });
});
