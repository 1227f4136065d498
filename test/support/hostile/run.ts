import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { LadingError } from '../../../src/errors.js';
import { useFolder } from '../temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../upload-registry.js';
import { type AttackGroup, type FileAttack, READERS } from './attack.js';
import { type Ending, readWith, treeOf } from './readers.js';
import { countAttack } from './tally.js';

/** Content outside of the archive that no attack may read or change. */
export const SECRET = 'root:secret-outside-of-the-archive';

/** Tests each attack of a group with all operations that read archives. */
export function describeAttacks({ title, attacks }: AttackGroup): void {
  describe(title, function () {
    this.timeout(60_000); // a few have a hundred thousand steps, and the machine may be busy
    const path = useFolder();
    const environment = useEnvironment(() => ({ TMPDIR: path('tmp'), XDG_CACHE_HOME: path('cache') }));
    let registry: UploadRegistry;
    beforeEach(async () => {
      registry = await startUploadRegistry(); // without content that another attack has pushed
      for (const folder of ['in', 'out', 'tmp', 'cache', 'cache/lading']) await mkdir(path(folder));
      await writeFile(path('cache/lading/uploads.json'), '{}');
      await writeFile(path('secret'), SECRET);
      environment.enter();
    });
    afterEach(async () => {
      environment.leave();
      await registry.close();
    });

    for (const attack of attacks) {
      it(`${attack.name}: ${attack.what}`, async () => {
        const tally = countAttack(title);
        const place = await attack.place(path('in'));
        const outside = await treeOf(path());
        const pushed = registry.requests.length;
        const options = { out: path('out'), registry: registry.host };
        const endings = await Promise.all(READERS.map((reader) => readWith(reader, place, options)));

        for (const [index, reader] of READERS.entries()) {
          const ending = endings[index];
          assert.ok(ending !== undefined);
          assertEnding(attack, reader, ending);
        }
        const isCarried = attack.code === 'harmless';
        const made = ['out/converted.tar', 'out/copied.tar'];
        for (const name of made)
          assert.equal(existsSync(path(name)), isCarried || mayConvert(attack, name), name);
        const leftOver = (await treeOf(path())).filter(
          (name) => !made.includes(name) && !outside.includes(name),
        );
        assert.deepEqual(
          leftOver.filter((name) => !/^out\/.*\.part/.test(name)),
          [],
          'files that were left',
        );
        const tags = registry.requests
          .slice(pushed)
          .filter((request) => /^PUT .*\/manifests\//.test(request));
        if (!isCarried && !attack.unseenBy?.includes('load')) assert.deepEqual(tags, [], 'what was pushed');
        tally.end(isCarried ? 'harmless' : 'refused');
      });
    }
  });
}

function assertEnding(
  { code, orCode, unseenBy = [] }: FileAttack,
  reader: (typeof READERS)[number],
  ending: Ending,
): void {
  const told = `${reader} ended with ${ending.exit} ${ending.codes.join(' ')}: ${ending.text}`;
  assert.ok(!ending.text.includes(SECRET), told);
  assert.ok(!/is not a function|undefined/.test(ending.text), told);
  if (code === 'harmless' || unseenBy.includes(reader)) {
    assert.equal(ending.exit, 0, told);
    return;
  }
  assert.equal(ending.exit, exitCodeOf(new LadingError(code, '')), told);
  if (ending.codes.length > 0)
    assert.ok(
      ending.codes.some((one) => one === code || one === orCode),
      told,
    );
  else assert.notEqual(ending.text, '', told);
}

function mayConvert({ unseenBy = [] }: FileAttack, output: string): boolean {
  return unseenBy.includes(output.includes('converted') ? 'convert' : 'copy');
}

/** Sets variables of the environment, and restores them. */
export function useEnvironment(variables: () => Record<string, string>): { enter(): void; leave(): void } {
  const before = new Map<string, string | undefined>();
  return {
    enter() {
      for (const [name, value] of Object.entries(variables())) {
        before.set(name, process.env[name]);
        process.env[name] = value;
      }
    },
    leave() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      before.clear();
    },
  };
}
