import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newestPeer } from '../support/programs/peers.js';
import { run } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

export type ToolName =
  | 'lading'
  | 'node'
  | 'skopeo'
  | 'crane'
  | 'regctl'
  | 'oras'
  | 'umoci'
  | 'sha256sum'
  | 'docker-registry';

export interface Tool {
  name: ToolName;
  version: string;
  /** The command line that begins each of its calls. */
  command: readonly string[];
}

/** The built program: what users get. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const CANDIDATES: Readonly<Record<ToolName, { command: readonly string[]; version: readonly string[] }>> = {
  lading: { command: [process.execPath, PROGRAM], version: ['--version'] },
  node: { command: [process.execPath], version: ['--version'] },
  skopeo: { command: ['skopeo'], version: ['--version'] },
  crane: { command: ['crane'], version: ['version'] },
  'docker-registry': { command: ['docker-registry'], version: ['--version'] },
  regctl: { command: ['regctl'], version: ['version', '--format', '{{.VCSTag}}'] },
  oras: { command: ['oras'], version: ['version'] },
  umoci: { command: ['umoci'], version: ['--version'] },
  sha256sum: { command: ['sha256sum'], version: ['--version'] },
};

/**
 * The environment of every measured program: no credentials, no proxies, and no NODE_EXTRA_CA_CERTS, which
 * costs Node.js 140 ms at each start. Go's folder of programs is looked at, too.
 */
export async function cleanEnvironment(): Promise<NodeJS.ProcessEnv> {
  const folders = [
    process.env.PATH,
    process.env.GOBIN,
    join(process.env.GOPATH ?? join(homedir(), 'go'), 'bin'),
  ];
  return {
    PATH: folders.filter((folder) => folder !== undefined && folder !== '').join(delimiter),
    HOME: await temporaryFolder('home'),
    LANG: 'C.UTF-8',
  };
}

/** Their newest releases are built where Go is installed; Debian has old ones, if any. */
const BUILT = ['crane', 'regctl', 'oras'] as const;

/** The tools that are here, with their versions; those of Go are built first. */
export async function findTools(env: NodeJS.ProcessEnv): Promise<Map<ToolName, Tool>> {
  const built = new Map<ToolName, string>();
  for (const name of BUILT) {
    const newest = await newestPeer(name);
    if ('program' in newest) built.set(name, newest.program);
  }
  const tools = new Map<ToolName, Tool>();
  for (const name of Object.keys(CANDIDATES) as ToolName[]) {
    const { version } = CANDIDATES[name];
    const program = built.get(name);
    const command = program === undefined ? CANDIDATES[name].command : [program];
    const found = await versionOf([...command, ...version], env);
    if (found !== undefined) tools.set(name, { name, version: found, command });
  }
  return tools;
}

/** What is left out, for the reader of the results. */
export function missingTools(tools: ReadonlyMap<ToolName, Tool>): ToolName[] {
  return (Object.keys(CANDIDATES) as ToolName[]).filter((name) => !tools.has(name));
}

async function versionOf(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  try {
    const { code, stdout, stderr } = await run(program, args, { env });
    if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${code}\n${stderr}`);
    const words = stdout.trim().split(/\s+/);
    return words.find((word) => /\d+\.\d+/.test(word))?.replace(/^v/, '') || 'of unknown version';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
