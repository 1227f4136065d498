import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { succeed } from '../support/programs/run.js';
import type { Site } from './site.js';

/** Runs commands at a site, one after the other, and returns what its user sees. */
export interface Session {
  /** Runs a command to its end; one that ends with ` &` stays until the session does. */
  run(command: string): Promise<Ran>;
  close(): Promise<void>;
}

export interface Ran {
  /** What it leaves on the terminal. */
  lines: string[];
  code: number;
}

const COLUMNS = 120;
const ROWS = 400;
const PATIENCE_MS = 60_000;
/** A command in the background has said what it has to say when it prints nothing for this time. */
const SILENCE_MS = 1000;

let sessions = 0;

/** Opens a session in the terminals of a tmux of its own: what lading prints depends on whether it is one. */
export function openSession(site: Site): Session {
  const socket = `lading-docs-${process.pid}-${sessions++}`;
  const tmux = (...args: string[]): Promise<string> =>
    succeed('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
    });
  const background: string[] = [];
  let count = 0;
  let code = '0';

  async function screen(name: string): Promise<string[]> {
    const lines = (await tmux('capture-pane', '-p', '-J', '-t', name))
      .split('\n')
      .map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines.map((line) => site.shown(line));
  }

  /** Starts a command on a new terminal, which stays as it is when the command has ended. */
  async function begin(
    command: string,
    { waits }: { waits: boolean },
  ): Promise<{ name: string; file: (kind: string) => string }> {
    const name = `t${count++}`;
    const file = (kind: string): string => join(site.folder, '..', `${name}.${kind}`);
    const env = Object.entries({ ...site.env, TERM: 'screen', LC_ALL: 'C.UTF-8' });
    const bash = `env -i ${env.map(([key, value]) => `${key}='${value}'`).join(' ')} bash '${file('command')}'`;
    const end = `echo $? > '${file('part')}'\nmv '${file('part')}' '${file('code')}'\nexec sleep 600`;
    // The first line makes `$?` that of the command before.
    await writeFile(file('command'), `(exit ${code})\n${site.here(command)}\n`);
    await writeFile(
      file('sh'),
      `cd '${site.folder}'\n${waits ? `${bash}\n${end}` : `echo $$ > '${file('pid')}'\nexec ${bash}`}\n`,
    );
    await tmux('new-session', '-d', '-s', name, '-x', `${COLUMNS}`, '-y', `${ROWS}`, `sh '${file('sh')}'`);
    return { name, file };
  }

  return {
    async run(command) {
      const waits = !command.endsWith(' &');
      const { name, file } = await begin(waits ? command : `exec ${command.replace(/ &$/, '')}`, { waits });
      if (waits) {
        const end = Date.now() + PATIENCE_MS;
        while (!existsSync(file('code'))) {
          if (Date.now() > end)
            throw new Error(`${command} does not end:\n${(await screen(name)).join('\n')}`);
          await delay(20);
        }
        code = (await readFile(file('code'), 'utf8')).trim();
        return { lines: await screen(name), code: Number(code) };
      }
      background.push(file('pid'));
      return { lines: await settled(() => screen(name)), code: 0 };
    },
    async close() {
      for (const file of background) {
        const pid = (await readFile(file, 'utf8')).trim();
        process.kill(Number(pid));
      }
      if (count > 0) await tmux('kill-server');
    },
  };
}

/** Waits until something was printed, and nothing more. */
async function settled(screen: () => Promise<string[]>): Promise<string[]> {
  const end = Date.now() + PATIENCE_MS;
  let before: string[] = [];
  while (Date.now() < end) {
    await delay(SILENCE_MS);
    const now = await screen();
    if (now.length > 0 && now.join('\n') === before.join('\n')) return now;
    before = now;
  }
  throw new Error(`this does not come to rest:\n${before.join('\n')}`);
}
