import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leaveOutAlways } from '../support/needs.js';
import { succeed } from '../support/programs/run.js';
import { type BareRoot, type BareRootOptions, makeBareRoot, ODD_FOLDER, passed } from './root.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

interface Setting extends Required<Omit<BareRootOptions, 'network'>> {
  what: string;
  /** Who runs all tests. */
  tester: 'root' | 'someone';
  /** All tests take minutes, so that a change runs them in one of the roots, and a release in both. */
  rarely?: boolean;
}

const SETTINGS: Setting[] = [
  { what: 'Debian 12', release: 'bookworm', node: { version: '20.19.0', npm: '10' }, tester: 'someone' },
  { what: 'Debian 13', release: 'trixie', node: { version: '24', npm: '11' }, tester: 'root', rarely: true },
];

for (const { what, tester, rarely, ...options } of SETTINGS)
  describe(`a clone of HEAD on ${what} with Node.js ${options.node.version} and npm ${options.node.npm} alone`, () => {
    let root: BareRoot;

    before(async function () {
      root = await makeBareRoot(this, { ...options, network: true });
    });
    after(() => root?.remove());

    for (const user of ['root', 'someone'] as const) {
      const folder = `${ODD_FOLDER} ${user}`;

      it(`runs npm ci && npm run demo for ${user}`, async () => {
        await succeed('git', ['clone', '--quiet', '--no-hardlinks', PROJECT, join(root.path, folder)]);
        await succeed('chroot', [root.path, 'chown', '-R', `${user}:${user}`, folder]);
        const { stdout } = passed(await root.run(user, 'npm ci && npm run demo', folder));
        assert.match(stdout, /^verified 2 manifests and 6 blobs: all right$/m);
      });

      if (user === tester)
        it(`runs npm cit for ${user}`, async function () {
          if (rarely && process.env.LADING_BARE_ALL !== '1') leaveOutAlways(this, 'LADING_BARE_ALL=1');
          const { stdout } = passed(await root.run(user, 'npm cit', folder));
          const [skipped = ''] = stdout.match(/^skipped: .*/gm)?.slice(-1) ?? [];
          console.log(`      ${skipped}\n      ${stdout.trim().split('\n').at(-1)}`);
          assert.match(stdout, /^[1-9]\d{3} passed, 0 failed, \d+ skipped$/m);
        });
    }
  });
