import assert from 'node:assert/strict';
import { fixturePath } from '../support/fixtures.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

/** A file that a flag names may be missing, or be a directory. The message has neither Node.js' words nor its codes alone. */
describe('a file that a flag names', () => {
  const path = useFolder('the suite');

  const archive = fixturePath('archives/docker20-multi.tar');
  const save = (...flags: string[]) => ['save', ...flags, '-o', path('out.tar')];
  const FLAGS: [flag: string, what: string, args: (file: string) => string[]][] = [
    ['save --file', 'the list ', (file) => save('--file', file)],
    ['save --ca', '', (file) => save('registry.invalid/app', '--ca', file)],
    ['save --cert', '', (file) => save('registry.invalid/app', '--cert', file)],
    ['load --map', 'the rules ', (file) => ['load', '-i', archive, 'registry.invalid', '--map', file]],
    ['config --config', 'the configuration ', (file) => ['config', '--config', file]],
  ];

  for (const [flag, what, args] of FLAGS) {
    it(`is said to be missing: ${flag}`, async () => {
      const file = path('missing');
      const expected = { code: 5, stdout: '', stderr: `lading: ${what}${file} does not exist\n` };
      assert.deepEqual(await runInProcess(args(file)), expected);
    });

    it(`is not looked for in a bucket: ${flag}`, async () => {
      const stderr =
        `lading: ${what}s3://images/file is in a bucket, and a file is wanted\n` +
        'hint: Only images and locks are read from buckets; fetch other objects first.\n';
      assert.deepEqual(await runInProcess(args('s3://images/file')), { code: 2, stdout: '', stderr });
    });

    it(`is said to be a directory: ${flag}`, async () => {
      const stderr =
        `lading: ${what}${path()} cannot be read: illegal operation on a directory (EISDIR)\n` +
        'hint: Name a file; this is a directory.\n';
      assert.deepEqual(await runInProcess(args(path())), { code: 1, stdout: '', stderr });
    });
  }
});
