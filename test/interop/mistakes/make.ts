import { symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, succeed } from '../../support/programs/run.js';
import { leaveWorkplace, temporaryFolder } from '../../support/programs/workplace.js';
import type { Answer, Answers } from './answers.js';
import { MISTAKES, NOT_AN_ARCHIVE, PROGRAMS, type ProgramName } from './mistakes.js';
import { openSite } from './site.js';

const RUNS = 3;

/** The built program, as npm would link it. */
const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Makes all mistakes with all programs. Runs in namespaces of its own; see `openSite`. */
async function makeMistakes(peers: Record<string, string>): Promise<Answers> {
  const site = await openSite();
  const bin = await temporaryFolder('bin');
  for (const [name, program] of Object.entries(peers)) await symlink(program, join(bin, name));
  await writeFile(join(bin, 'lading'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, {
    mode: 0o755,
  });
  const env = { ...site, PATH: [bin, site.PATH].join(delimiter) };
  const answers: Answers['answers'] = [];
  for (const { commands } of MISTAKES) answers.push(await ofEach((name) => make(commands[name], env)));
  return { versions: await ofEach((name) => versionOf(name, env)), answers };
}

async function make(command: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  let answer: Answer | undefined;
  for (let count = 0; count < RUNS; count++) {
    const cwd = await temporaryFolder('user');
    await writeFile(join(cwd, NOT_AN_ARCHIVE.name), NOT_AN_ARCHIVE.text);
    const began = performance.now();
    const { code, stdout } = await run('sh', ['-c', `exec 2>&1 ${command}`], { env, cwd });
    const seconds = (performance.now() - began) / 1000;
    const output = withoutChance(stdout.replaceAll(env.HOME ?? '', '~'));
    if (answer !== undefined && (answer.output !== output || answer.code !== code))
      throw new Error(`${command} printed something else the second time:\n${answer.output}\n${output}`);
    answer = { output, code, seconds: Math.min(seconds, answer?.seconds ?? seconds) };
  }
  if (answer === undefined) throw new Error('no run');
  return answer;
}

/** Replaces what differs between two runs. */
function withoutChance(text: string): string {
  return text
    .replaceAll(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/g, 'TIME')
    .replaceAll(/time="[^"]*"/g, 'time="TIME"')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:DIGEST')
    .trimEnd();
}

async function versionOf(name: ProgramName, env: NodeJS.ProcessEnv): Promise<string> {
  switch (name) {
    case 'docker': {
      const format = '{{.Client.Version}}, engine {{.Server.Version}}';
      return succeed('docker', ['version', '--format', format], { env });
    }
    case 'crane':
    case 'oras': {
      const text = await succeed(name, ['version'], { env });
      return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text;
    }
    default: {
      const text = await succeed(name, ['--version'], { env });
      return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text;
    }
  }
}

async function ofEach<Value>(
  find: (name: ProgramName) => Promise<Value>,
): Promise<Record<ProgramName, Value>> {
  const found: [ProgramName, Value][] = [];
  for (const name of PROGRAMS) found.push([name, await find(name)]); // in turn, so that the times are comparable
  return Object.fromEntries(found) as Record<ProgramName, Value>; // one entry for each of PROGRAMS
}

const [to = '', crane = '', oras = ''] = process.argv.slice(2);
try {
  await writeFile(to, JSON.stringify(await makeMistakes({ crane, oras })));
} finally {
  await leaveWorkplace(false);
}
