import { freePort, startDaemon } from './daemon.js';
import { LADING } from './lading-command.js';
import { type Outcome, type Running, type RunOptions, run, start } from './run.js';
import { temporaryFolder } from './workplace.js';

const [COMMAND, ...BEFORE] = LADING;

export interface LadingOptions extends Omit<RunOptions, 'env'> {
  /** Added to an otherwise clean environment. */
  env?: Record<string, string>;
  /** A program with arguments, to run the command with: `['time', '-v']`. */
  under?: readonly string[];
}

/** Runs the command line in an environment without the machine's credentials and proxies. */
export async function runLading(args: readonly string[], options: LadingOptions = {}): Promise<Outcome> {
  const { under = [], ...rest } = options;
  const [command = COMMAND, ...before] = [...under, ...LADING];
  return run(command, [...before, ...args], { ...rest, env: await environment(options.env) });
}

/** Starts the command line, for a test that kills it. */
export async function startLading(args: readonly string[], options: LadingOptions = {}): Promise<Running> {
  return start(COMMAND, [...BEFORE, ...args], { ...options, env: await environment(options.env) });
}

/** Runs a command, which must succeed, and returns its standard output. */
export async function lading(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runLading(args);
  if (code !== 0) throw new Error(`lading ${args.join(' ')}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}

/** Runs a command with `--json`, which must succeed, and returns the document that it prints. */
export async function ladingJSON<Document>(...args: string[]): Promise<Document> {
  // Callers assert the shape of the document.
  return JSON.parse(await lading(...args, '--json')) as Document;
}

export interface LadingServer {
  /** `127.0.0.1:PORT` */
  host: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts `lading serve` with archives or layouts and further flags, on a free port. */
export async function startLadingServer(...args: string[]): Promise<LadingServer> {
  const host = `127.0.0.1:${await freePort()}`;
  const { pid, stop } = await startDaemon(COMMAND, [...BEFORE, 'serve', '--listen', host, ...args], {
    env: await environment(),
    ready: async () =>
      fetch(`http://${host}/v2/`).then(
        ({ status }) => status === 200,
        () => false,
      ),
  });
  return { host, pid, stop };
}

let home: Promise<string> | undefined;

async function environment(added: Record<string, string> = {}): Promise<NodeJS.ProcessEnv> {
  home ??= temporaryFolder('home');
  return { PATH: process.env.PATH, HOME: await home, ...added };
}
