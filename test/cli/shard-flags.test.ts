import assert from 'node:assert/strict';
import { parseShardFlags } from '../../src/cli/shard-flags.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

describe('--shard and --shards', () => {
  const refused = (...args: Parameters<typeof parseShardFlags>): string => {
    try {
      parseShardFlags(...args);
    } catch (error) {
      const { code, message, hint } = error as { code: string; message: string; hint: string };
      return `${code}: ${message}. ${hint}`;
    }
    return 'accepted';
  };

  it('name a share, or take the number of the job from its scheduler', () => {
    assert.equal(parseShardFlags({}, { JOB_COMPLETION_INDEX: '1' }), undefined);
    assert.deepEqual(parseShardFlags({ shard: '2/5' }, {}), { index: 2, count: 5 });
    assert.deepEqual(parseShardFlags({ shards: 5 }, { JOB_COMPLETION_INDEX: '4' }), { index: 4, count: 5 });
    assert.deepEqual(parseShardFlags({ shards: 5 }, { SLURM_ARRAY_TASK_ID: '0' }), { index: 0, count: 5 });
  });

  // sbatch --array=3,5 runs two jobs again, and sets the minimum to 3.
  it('take the number of a job in a Slurm array as it is, also when some of them run again', () => {
    const again = { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '3', SLURM_ARRAY_TASK_MAX: '5' };
    assert.deepEqual(parseShardFlags({ shards: 8 }, again), { index: 3, count: 8 });
  });

  it('say what is right', () => {
    assert.match(refused({ shard: '1/2', shards: 2 }, {}), /^USAGE: --shard and --shards exclude each other/);
    assert.match(
      refused({ shards: 4 }, {}),
      /^USAGE: --shards 4 needs the number of this job\. .*elsewhere, --shard I\/4 says it, from 0\/4 to 3\/4\./,
    );
    assert.match(
      refused({ shards: 4 }, { SLURM_ARRAY_TASK_ID: '4' }),
      /^USAGE: SLURM_ARRAY_TASK_ID is 4, and the jobs of --shards 4 are 0 to 3\. .*sbatch --array=0-3 do\.$/,
    );
    const fromOne = { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_MAX: '4' };
    assert.match(
      refused({ shards: 4 }, fromOne),
      /^USAGE: SLURM_ARRAY_TASK_MAX is 4, and the jobs of --shards 4 are 0 to 3\. .*sbatch --array=0-3 do\.$/,
    );
    assert.match(
      refused({ shards: 4 }, { JOB_COMPLETION_INDEX: '-1' }),
      /^USAGE: JOB_COMPLETION_INDEX is -1/,
    );
    assert.match(
      refused({ shards: 4 }, { JOB_COMPLETION_INDEX: '1.5' }),
      /^USAGE: JOB_COMPLETION_INDEX is 1.5/,
    );
    for (const shards of [0, -1, 1.5, Number.NaN])
      assert.match(refused({ shards }, {}), /^USAGE: --shards takes a whole number from 1/);
  });

  describe('of save', () => {
    const path = useFolder();
    let registry: TestRegistry;
    before(async () => {
      registry = await startRegistry();
      await registry.put('web:1', await makeImage({ seed: 'web' }));
    });
    after(() => registry.close());

    it('succeed with a line where no image belongs to the share', async () => {
      const outcomes = [];
      for (const index of ['0', '1'])
        outcomes.push(
          await runInProcess(
            ['save', `${registry.name}/web:1`, '-o', path('layout/'), '--shards', '2', '-q'],
            {
              env: { JOB_COMPLETION_INDEX: index },
            },
          ),
        );
      assert.deepEqual(
        outcomes.map(({ code }) => code),
        [0, 0],
      );
      const empty = outcomes.findIndex(({ stdout }) => stdout.startsWith('no image'));
      assert.equal(
        outcomes[empty]?.stdout,
        `no image of the list belongs to shard ${empty}/2: nothing was written\n`,
      );
      assert.match(outcomes[1 - empty]?.stdout ?? '', /1 image in /);
    });

    it('are refused with what is right', async () => {
      const wrong = await runInProcess(['save', 'web', '-o', path('x.tar'), '--shard', '4/4']);
      assert.equal(wrong.code, 2);
      assert.equal(
        wrong.stderr,
        'lading: there is no shard 4/4\nhint: Shards are counted from 0: of 4, the first is 0/4 and the last is 3/4.\n',
      );
    });
  });
});
