import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { needs } from '../support/needs.js';
import { kubernetesValidate, OLDEST } from '../support/programs/kubernetes-validate.js';
import { succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { runLading } from './program.js';

/** Words that a shell, or GNU parallel, takes for something else. */
const HOSTILE = [
  'alpine:{>=3.19 <3.22, newest 2}',
  '{1}',
  '{}{#}{.}{/}{%}{= exit =}',
  'it\'s; rm -rf $HOME `id` $(id) \\ "x" & | * ? ~ ! # %s',
  ':::',
  '-n',
  'ünïcode',
];

/** Writes its words to a file of its own, one after the other, each with a zero byte. */
const RECORDER = `#!/bin/sh
printf '%s\\0' "$@" > "$RECORDS/$$"
`;

describe('what lading job prints', () => {
  const path = useFolder('each test');
  const words = [
    ...[
      '--output',
      "s3://images/a b'c{}{#}$(id)/d",
      '--exclude',
      HOSTILE[0] ?? '',
      '--mirror',
      'docker.io={1}',
    ],
    ...['--s3-endpoint', 'https://s3.local/$HOME/{}'],
  ];
  const images = HOSTILE.filter((word) => !word.startsWith('-'));
  const job = (...args: string[]) =>
    runLading(['job', ...args, ...images, ...words, '--shards', '3', '--quiet']);
  const expected = ['save', ...images, ...words.slice(0, 2), ...words.slice(2)];

  /** Runs a script where lading, and others, are programs that write down what they are given. */
  async function recorded(script: string, others: Record<string, string>, env = {}): Promise<string[][]> {
    await mkdir(path('bin'), { recursive: true });
    await mkdir(path('records'), { recursive: true });
    for (const [name, text] of Object.entries({ lading: RECORDER, ...others })) {
      await writeFile(path(`bin/${name}`), text);
      await chmod(path(`bin/${name}`), 0o755);
    }
    await writeFile(path('script'), script);
    await succeed('sh', [path('script')], {
      cwd: path('.'),
      env: {
        PATH: `${path('bin')}${delimiter}${process.env.PATH}`,
        HOME: path('.'),
        RECORDS: path('records'),
        ...env,
      },
    });
    const files = await readdir(path('records'));
    const texts = await Promise.all(files.map((file) => readFile(path(`records/${file}`), 'utf8')));
    return texts.map((text) => text.split('\0').slice(0, -1)).sort();
  }

  it('is run by GNU parallel with these very words, and then the index', async function () {
    needs(this, 'parallel');
    const { stdout, stderr, code } = await job('--print', 'parallel', '--parallel', '2');
    assert.equal(code, 0, stderr);
    const runs = await recorded(stdout, {});
    const [index, ...saves] = runs;
    assert.deepEqual(index, ['index', words[1], ...words.slice(-2)]);
    assert.deepEqual(
      saves.map((save) => [save.slice(0, -2), ...save.slice(-2)]),
      ['0/3', '1/3', '2/3'].map((shard) => [expected, '--shard', shard]),
    );
  });

  it('starts no index where a share has failed', async function () {
    needs(this, 'parallel');
    const { stdout } = await job('--print', 'parallel');
    const failing = `${RECORDER}case "$*" in *1/3) exit 7; esac\n`;
    await assert.rejects(recorded(stdout, { lading: failing }));
    assert.equal((await readdir(path('records'))).length, 3);
  });

  it('is run by Slurm with these very words', async () => {
    const { stdout, stderr, code } = await job('--print', 'slurm', '--parallel', '2');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^#!\/bin\/sh\n(#SBATCH .*\n)+#SBATCH --output=lading-%a\.log\n/);
    assert.match(stdout, /^#SBATCH --array=0-2%2$/m);
    const runs = await recorded(stdout, { srun: '#!/bin/sh\nexec "$@"\n' });
    assert.deepEqual(runs, [[...expected, '--shards', '3']]);
    // The command that comes afterwards, as printed without --quiet.
    const { stderr: next } = await runLading([
      'job',
      'alpine',
      ...words,
      '--shards',
      '3',
      '--print',
      'slurm',
    ]);
    const [, line = ''] = /^then: (sbatch .*)\n$/.exec(next) ?? [];
    const sbatch =
      '#!/bin/sh\nfor w; do case "$w" in --parsable) echo 17; exit;; --wrap=*) eval "$(printf %s "$w" | cut -c8-)";; --dependency=*) [ "$w" = --dependency=afterok:17 ] || exit 1; esac; done\n';
    const after = await recorded(line, { sbatch, srun: '#!/bin/sh\nexec "$@"\n' });
    assert.deepEqual(
      after.filter(([command]) => command === 'index'),
      [['index', words[1], ...words.slice(-2)]],
    );
  });

  const TO = ['--lock', 's3://images/all.lock.json', '-o', 's3://images/all', '--shards', '8'];
  const ALL = [
    ...['--namespace', 'mirror', '--service-account', 'lading', '--image', 'registry.local/lading:1'],
    ...['--ca-config-map', 'company:ca-bundle.crt', '--image-pull-secret', 'pull'],
  ];
  const PRINTED: [what: string, args: string[], objects: string[]][] = [
    ['a job', ['job', ...TO], ['job/lading', 'job/lading-index']],
    [
      'a job with everything',
      ['job', ...TO, ...ALL, '--s3-secret', 'bucket', '--registry-secret', 'logins', '--parallel', '2'],
      ['job/lading', 'job/lading-index'],
    ],
    [
      'a job with a role',
      ['job', ...TO, ...ALL, '--role-arn', 'arn:aws:iam::1:role/x'],
      ['job/lading', 'job/lading-index'],
    ],
    [
      'a registry',
      ['serve', 's3://images/all', '--print-config', 'kubernetes'],
      ['deployment/lading', 'service/lading', 'poddisruptionbudget/lading'],
    ],
    [
      'a registry with everything',
      [
        ...['serve', 's3://images/all', '--print-config', 'kubernetes', '--replicas', '3', ...ALL],
        ...['--s3-secret', 'bucket', '--tls-cert', 'c.pem', '--tls-key', 'k.pem', '--htpasswd', 'users'],
      ],
      ['deployment/lading', 'service/lading', 'poddisruptionbudget/lading'],
    ],
  ];
  for (const [what, args, objects] of PRINTED)
    it(`is right by the schemas of Kubernetes, ${OLDEST} and the newest: ${what}`, async function () {
      const validate = await kubernetesValidate(this);
      const { code, stdout, stderr } = await runLading([...args, '--quiet']);
      assert.equal(code, 0, stderr);
      for (const version of [OLDEST, undefined]) {
        const judged = await validate(stdout, path('.'), version);
        assert.deepEqual(
          judged.map((line) => /passed for resource (\S+)/.exec(line)?.[1]),
          objects,
        );
      }
      // It finds what is wrong: the test would pass otherwise whatever is printed.
      await assert.rejects(
        validate(stdout.replace('metadata:', 'metadata:\n  wrong: 1'), path('.')),
        /wrong/,
      );
    });
});
