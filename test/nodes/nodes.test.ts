import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeProgram, npmPackage } from '../support/programs/npm-package.js';
import { type Outcome, run } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = join(ROOT, 'dist/cli/main.js');
const RUN = join(ROOT, 'test/run.ts');

/** The lines that are maintained. The oldest that package.json admits is that of `npm run test:bare`. */
const FIT = ['22', '24', '26'];
const TOO_OLD = ['12', '14', '16', '18'];
/** The last npm that runs on a Node.js which is too old for lading. */
const NPM_OF_NODE_18 = '10';

describe('the fast tests', () => {
  for (const version of FIT)
    it(`pass under Node.js ${version}`, async function () {
      const node = await nodeProgram(this, version);
      const { code, stdout, stderr } = await under(node, ['--import', 'tsx', RUN]);
      assert.equal(code, 0, /^ {2}\d+ failing$[\s\S]*/m.exec(stdout)?.[0] ?? stderr);
      console.log(stdout.trim().split('\n').slice(-2).join('\n').replaceAll(/^/gm, '      '));
      assert.match(stdout, /^[1-9]\d{3} passed, 0 failed, \d+ skipped\n$/m);
    });
});

describe('a Node.js that is too old', () => {
  for (const version of TOO_OLD)
    it(`is named in one line by the program: ${version}`, async function () {
      const { code, stdout, stderr } = await under(await nodeProgram(this, version), [PROGRAM, '--help']);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^lading: Node\.js 20\.19 or later is required, but this is [\d.]+ \(.*\)\n$/);
      assert.ok(stderr.includes(` ${version}.`), stderr);
    });

  it('is refused by npm ci in a checkout', async function () {
    const node = await nodeProgram(this, '18');
    const npm = join(await npmPackage(this, 'npm', NPM_OF_NODE_18), 'bin/npm-cli.js');
    const folder = await temporaryFolder('checkout');
    for (const name of ['package.json', 'package-lock.json', '.npmrc'])
      await copyFile(join(ROOT, name), join(folder, name));
    const { code, stderr } = await under(node, [npm, 'ci', '--prefix', folder], folder);
    assert.notEqual(code, 0);
    assert.match(stderr, /EBADENGINE/);
    assert.match(stderr, /lading@/);
  });
});

/** Runs a program of JavaScript with a Node.js that its children find too. */
function under(node: string, args: readonly string[], cwd = ROOT): Promise<Outcome> {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` };
  return run(node, args, { env, cwd, timeout: 500_000 });
}
