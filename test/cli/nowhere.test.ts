import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fixturePath } from '../support/fixtures.js';
import { LADING } from '../support/programs/lading-command.js';
import { run } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

const ARCHIVE = fixturePath('archives/docker20-single.tar');

describe('the program', () => {
  const path = useFolder();

  for (const host of ['127.0.0.1:99999', 'reg.test:65536', '10.0.0.256', '[::1]:70000'])
    it(`says that ${host} is no registry, before it asks anything`, async () => {
      for (const args of [
        ['ls', host],
        ['ls', `${host}/a`],
        ['inspect', `${host}/a:1`],
        ['save', `${host}/a:1`, '-o', path('never.tar')],
        ['copy', ARCHIVE, `docker://${host}/a:1`],
        ['load', '-i', ARCHIVE, host],
        ['auth', host],
      ]) {
        const { code, stderr } = await runInProcess(args);
        assert.equal(code, 2, `${args.join(' ')}\n${stderr}`);
        assert.match(stderr, /^(\d.*\n)?lading: "\S+" is not a .*\nhint: .+\n$/, args.join(' '));
      }
    });

  it('says that its directory is gone', async () => {
    const gone = path('gone');
    await mkdir(gone);
    const line = 'cd "$0" && rmdir "$0" && exec "$@"';
    const { code, stdout, stderr } = await run('sh', ['-c', line, gone, ...LADING, 'ls', 'images.tar']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^lading: the current directory does not exist any more.*\nhint: .+\n$/);
  });
});
