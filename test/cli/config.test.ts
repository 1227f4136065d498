import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { COMMANDS, findCommand } from '../../src/cli/commands.js';
import { parseConfig } from '../../src/cli/config-file.js';
import { GLOBAL_OPTIONS } from '../../src/cli/options.js';
import { registriesOf } from '../../src/cli/registry-settings.js';
import { checkFile, settingsOf, unknownVariables } from '../../src/cli/settings.js';
import { startRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

const NAMES = COMMANDS.filter(({ readsSettings = true }) => readsSettings).map(({ name }) => name);

describe('the configuration', () => {
  const optionsOf = async (command: string) => ({
    ...((await findCommand(command)?.load()) ?? assert.fail(command)).options,
    ...GLOBAL_OPTIONS,
  });
  const file = (text: string) => parseConfig(text, '/etc/l.yaml', NAMES);

  it('has settings for all commands and for one, in YAML and in JSON', async () => {
    const yaml =
      'retries: 7\nca: site.pem\nsave:\n  platform: [linux/amd64, linux/arm64]\n  retries: 8\nload:\n  keep-going: true\n';
    const json =
      '{"retries": 7,\n"ca": "site.pem",\n"save": {\n"platform": ["linux/amd64", "linux/arm64"],\n"retries": 8},\n"load": {\n"keep-going": true}}';
    for (const text of [yaml, json]) {
      const sources = { environment: {}, file: await file(text) };
      const of = async (command: string) =>
        settingsOf(command, await optionsOf(command), sources).map(({ name, values, place }) => [
          name,
          ...values,
          place,
        ]);
      assert.deepEqual((await of('save')).sort(), [
        ['ca', '/etc/site.pem', '/etc/l.yaml:2'],
        ['platform', 'linux/amd64', 'linux/arm64', '/etc/l.yaml:4'],
        ['retries', '8', '/etc/l.yaml:5'],
      ]);
      assert.deepEqual((await of('load')).sort(), [
        ['ca', '/etc/site.pem', '/etc/l.yaml:2'],
        ['keep-going', 'true', '/etc/l.yaml:7'],
        ['retries', '7', '/etc/l.yaml:1'],
      ]);
    }
  });

  it('counts after the environment, which counts after flags', async () => {
    const environment = {
      LADING_RETRIES: '3',
      LADING_QUIET: '1',
      LADING_JSON: '',
      LADING_MIRROR: 'a=b  c=d',
    };
    const sources = { environment, file: await file('retries: 7\njson: true\nmirror: [x=y]') };
    const options = await optionsOf('save');
    const settings = (given: string[]) =>
      settingsOf('save', options, sources, new Set(given)).map(({ name, values, from }) => [
        name,
        ...values,
        from,
      ]);
    assert.deepEqual(settings([]).sort(), [
      ['json', 'true', 'file'],
      ['mirror', 'a=b', 'c=d', 'environment'],
      ['quiet', 'true', 'environment'],
      ['retries', '3', 'environment'],
    ]);
    assert.deepEqual(settings(['retries', 'mirror', 'quiet']), [['json', 'true', 'file']]);
  });

  it('sets the template of ls in its section alone, because save --format is another flag', async () => {
    const options = await optionsOf('ls');
    const valuesOf = async (text: string): Promise<unknown> =>
      settingsOf('ls', options, { environment: { LADING_FORMAT: 'oci' }, file: await file(text) })
        .filter(({ name }) => name === 'format')
        .map(({ values }) => values);
    assert.deepEqual(await valuesOf('format: oci'), []);
    assert.deepEqual(await valuesOf('ls: {format: "{{.Name}}"}'), [['{{.Name}}']]);
    const text = 'format: "{{.Name}}"';
    await assert.rejects(async () => checkFile(await file(text), COMMANDS), {
      code: 'USAGE',
      message: /format/,
    });
    await checkFile(await file('format: oci\nls: {format: json}'), COMMANDS);
  });

  it('is empty if it says nothing', async () => {
    for (const text of ['', '# nothing', 'null', 'save:\nregistries:\n'])
      assert.deepEqual(
        settingsOf('save', await optionsOf('save'), { environment: {}, file: await file(text) }),
        [],
      );
  });

  it('has the settings of registries, unless a flag counts', async () => {
    const text =
      'registries:\n  reg.test:5000:\n    ca: site.pem\n    plain-http: false\n    mirror: [m.test/a]\n    credential-helper: pass\n';
    const settings = registriesOf(await file(text))['reg.test:5000'];
    assert.deepEqual(settings, {
      caFile: '/etc/site.pem',
      certFile: undefined,
      keyFile: undefined,
      tlsVerify: undefined,
      plainHTTP: false,
      authFile: undefined,
      credentialHelper: 'pass',
      mirrors: ['m.test/a'],
    });
    const left = registriesOf(await file(text), new Set(['ca', 'authfile', 'mirror', 'plain-http']))[
      'reg.test:5000'
    ];
    assert.deepEqual(new Set(Object.values(left ?? assert.fail())), new Set([undefined]));
  });

  const MISTAKES: [text: string, message: string | RegExp, hint?: string | RegExp][] = [
    ['retrys: 3', '/etc/l.yaml:1: there is no setting "retrys"', 'Did you mean retries?'],
    ['a: 1', '/etc/l.yaml:1: there is no setting "a"', /^Settings are called like the flags/],
    ['\nretries: many', '/etc/l.yaml:2: retries takes a whole number, not "many"'],
    ['quiet: yes', '/etc/l.yaml:1: quiet takes true or false, not "yes"'],
    ['retries: [1, 2]', '/etc/l.yaml:1: retries takes one value, not a list'],
    ['retries: {a: 1}', /^\/etc\/l\.yaml:1: "retries" is neither a command/],
    ['retries:', /^\/etc\/l\.yaml:1: retries takes a value/],
    ['save:\n  formt: oci', '/etc/l.yaml:2: there is no setting "save.formt"', 'Did you mean save.format?'],
    ['save:\n  format: zip', /^\/etc\/l\.yaml:2: save\.format takes universal, /],
    ['save: [oci]', /^\/etc\/l\.yaml:1: save: settings are written as NAME: VALUE$/],
    [
      'sav:\n  format: oci',
      '/etc/l.yaml:1: "sav" is neither a command nor "registries"',
      'Did you mean save?',
    ],
    ['creds: me:secret', /^\/etc\/l\.yaml:1: creds does not belong in this file/, /^lading login/],
    ['login:\n  password: x', /^\/etc\/l\.yaml:2: login\.password does not belong/],
    ['config: x', '/etc/l.yaml:1: config: settings are written as NAME: VALUE'],
    ['- a', /^\/etc\/l\.yaml: settings are written as NAME: VALUE$/],
    ['retries: 1\nretries: 2', /^\/etc\/l\.yaml:2: Map keys must be unique$/],
    ['a: [', /^\/etc\/l\.yaml:\d: /],
    ['registries:\n  a/b:\n    ca: x', /"a\/b" is not a registry$/, 'A registry is HOST[:PORT].'],
    [
      'registries:\n  a.test:\n    caa: x',
      '/etc/l.yaml:3: registries.a.test: there is no setting "caa"',
      'Did you mean ca?',
    ],
    [
      'registries:\n  a.test:\n    plain-http: x',
      '/etc/l.yaml:3: registries.a.test.plain-http takes true or false, not "x"',
    ],
  ];
  for (const [text, message, hint] of MISTAKES)
    it(`names the place of a mistake: ${JSON.stringify(text)}`, async () => {
      const reading = async () => {
        const read = await file(text);
        await checkFile(read, COMMANDS);
        registriesOf(read);
      };
      await assert.rejects(reading(), { code: 'USAGE', message, ...(hint !== undefined && { hint }) });
    });

  it('warns about variables that are no settings, and knows those of other commands', async () => {
    const environment = {
      LADING_RETRYS: '1',
      LADING_FROBNICATE: '1',
      LADING_KEEP_GOING: '1',
      LADING_USERNAME: 'me',
      LADING_PASSWORD: 's',
      LADING_CONFIG: 'x',
      LADING_HELP: '1',
      OTHER: '1',
    };
    assert.deepEqual(await unknownVariables(environment, await optionsOf('ls'), COMMANDS), [
      'LADING_FROBNICATE is not a setting',
      'LADING_HELP is not a setting',
      'LADING_RETRYS is not a setting; did you mean LADING_RETRIES?',
    ]);
  });
});

describe('the configuration of the program', () => {
  const path = useFolder();
  const env = (more: NodeJS.ProcessEnv = {}) => ({ XDG_CONFIG_HOME: path('home'), ...more });
  const write = async (text: string): Promise<string> => {
    await mkdir(path('home/lading'), { recursive: true });
    await writeFile(path('home/lading/config.yaml'), text);
    return path('home/lading/config.yaml');
  };

  it('is shown by lading config, without secrets', async () => {
    const file = await write(
      'progress: lines\nsave:\n  format: oci\nregistries:\n  a.test:\n    mirror: b.test\n',
    );
    const variables = {
      LADING_RETRIES: '3',
      LADING_CREDS: 'a.test=me:secret b.test=you',
      LADING_PASSWORD: 'hidden',
    };
    const args = ['config', '--ca', 'x.pem', '--json'];
    const { code, stdout } = await runInProcess(args, { env: env(variables) });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /secret|hidden/);
    const shown = JSON.parse(stdout);
    assert.deepEqual([shown.file, shown.exists], [file, true]);
    assert.deepEqual(
      shown.settings.filter(({ from }: { from: string }) => from !== 'default'),
      [
        { name: 'json', value: 'true', from: 'flag' },
        { name: 'progress', value: 'lines', from: 'file', place: `${file}:1` },
        { name: 'retries', value: '3', from: 'environment', place: 'LADING_RETRIES' },
        { name: 'creds', value: ['a.test=me:***', 'b.test=you'], from: 'environment', place: 'LADING_CREDS' },
        { name: 'ca', value: 'x.pem', from: 'flag' },
        { name: 'save.format', value: 'oci', from: 'file', place: `${file}:3` },
        { name: 'password', value: '***', from: 'environment', place: 'LADING_PASSWORD' },
        { name: 'registries.a.test.mirror', value: 'b.test', from: 'file', place: `${file}:6` },
      ],
    );
    const table = await runInProcess(['config', 'save'], { env: env(variables) });
    assert.match(table.stdout, /^SETTING +VALUE +FROM$/m);
    assert.match(table.stdout, /^format +oci +.*config\.yaml:3$/m);
    assert.match(table.stdout, /^referrers +true +default$/m);
  });

  it('is used, unless a flag says otherwise', async () => {
    const registry = await startRegistry();
    try {
      await registry.put('a:1', await makeImage({ seed: 'a' }));
      await write('save:\n  format: oci-archive\n');
      const variables = { LADING_OUTPUT: path('x.tar'), LADING_JSON: 'true' };
      const save = ['save', `${registry.name}/a:1`];
      const outcome = await runInProcess(save, { env: env(variables) });
      assert.equal(outcome.code, 0, outcome.stderr);
      assert.equal(JSON.parse(outcome.stdout).format, 'oci-archive');
      const other = await runInProcess([...save, '--format', 'universal', '-o', path('y.tar')], {
        env: env(variables),
      });
      assert.deepEqual(
        [JSON.parse(other.stdout).format, JSON.parse(other.stdout).output],
        ['universal', path('y.tar')],
      );
      await write(`registries:\n  reg.invalid:\n    mirror: ${registry.name}\n`);
      const mirrored = await runInProcess(['save', 'reg.invalid/a:1', '-o', path('z.tar')], { env: env() });
      assert.equal(mirrored.code, 0, mirrored.stderr);
    } finally {
      await registry.close();
    }
  });

  it('is a mistake of the line, an absent file, or a warning', async () => {
    const file = await write('retrys: 3\n');
    const mistakes: [string[], NodeJS.ProcessEnv, number, string][] = [
      [
        ['ls', 'a.tar'],
        {},
        2,
        `lading: ${file}:1: there is no setting "retrys"\nhint: Did you mean retries?\n`,
      ],
      [['ls', 'a.tar', '--config', 'no.yaml'], {}, 5, 'lading: the configuration no.yaml does not exist\n'],
      [
        ['ls', 'a.tar'],
        { LADING_CONFIG: 'no.yaml' },
        5,
        'lading: the configuration no.yaml does not exist\nhint: LADING_CONFIG names it.\n',
      ],
      [
        ['ls', path('a.tar'), '--config', '/dev/null'],
        { LADING_RETRYS: '1' },
        5,
        `warning: LADING_RETRYS is not a setting; did you mean LADING_RETRIES?\nlading: ${path('a.tar')} does not exist\n`,
      ],
    ];
    for (const [args, variables, code, stderr] of mistakes)
      assert.deepEqual(await runInProcess(args, { env: env(variables) }), { code, stdout: '', stderr });
    assert.equal((await runInProcess(['--help'], { env: env() })).code, 0);
    assert.equal((await runInProcess(['version'], { env: env() })).code, 0);
  });

  it('is never read from the working directory', async () => {
    for (const name of ['lading.yaml', 'config.yaml', '.lading.yaml'])
      await writeFile(path(name), 'retrys: 3\n');
    const { code } = await runLading(['config'], {
      env: env({ XDG_CONFIG_HOME: path('none') }),
      cwd: path('.'),
    });
    assert.equal(code, 0);
  });
});
