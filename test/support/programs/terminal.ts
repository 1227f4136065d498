import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { useFolder } from '../temporary.js';
import { succeed } from './run.js';

export interface Terminal {
  /** The lines that it shows, without those at the end that are empty. */
  screen(): Promise<string[]>;
  /** Waits until `reads` gives what is `expected`, and returns what it gave last. */
  until<T>(reads: (lines: string[]) => T, expected: (read: T) => boolean): Promise<T>;
  /** Presses a key, by the name that tmux has for it. */
  press(key: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Everything that was written to it, with all control sequences. */
  written(): Promise<string>;
}

export interface TerminalOptions {
  columns: number;
  rows?: number;
  env?: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 20_000;

/** Runs programs in the terminals of a tmux of its own, which ends with the suite. */
export function useTerminals(): (command: readonly string[], options: TerminalOptions) => Promise<Terminal> {
  const path = useFolder('the suite');
  const socket = `lading-${process.pid}`;
  const tmux = (...args: string[]): Promise<string> =>
    succeed('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
    });
  let count = 0;
  after(async () => {
    if (count > 0) await tmux('kill-server');
  });

  return async (command, { columns, rows = 16, env = {} }) => {
    const name = `t${count++}`;
    const [script, log] = [path(`${name}.sh`), path(`${name}.log`)];
    const variables = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', TERM: 'screen', ...env };
    const run = [...Object.entries(variables).map(([key, value]) => `${key}=${value}`), ...command];
    // It begins when the log is being written, and stays on the screen afterwards.
    const words = run.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    await writeFile(
      script,
      `trap : INT
until [ -e '${log}' ]; do sleep 0.02; done\nenv -i ${words}\necho "exit $?"\nexec sleep 60\n`,
    );
    await tmux('new-session', '-d', '-s', name, '-x', `${columns}`, '-y', `${rows}`, `sh '${script}'`);
    await tmux('pipe-pane', '-t', name, `cat > '${log}'`);
    const screen = async (): Promise<string[]> =>
      (await tmux('capture-pane', '-p', '-t', name)).trimEnd().split('\n');
    return {
      screen,
      async until(reads, expected) {
        for (const end = Date.now() + PATIENCE_MS; ; await delay(50)) {
          const read = reads(await screen());
          if (expected(read) || Date.now() > end) return read;
        }
      },
      async press(key) {
        await tmux('send-keys', '-t', name, key);
      },
      async resize(to, lines) {
        await tmux('resize-window', '-t', name, '-x', `${to}`, '-y', `${lines}`);
      },
      written: () => readFile(log, 'utf8'),
    };
  };
}
