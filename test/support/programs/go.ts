import { run } from './run.js';

/** Where Go's own installer puts it, for those who have not told their shell. */
const GO_FOLDER = '/usr/local/go/bin';

/** Whether there is a Go that runs. */
export async function hasGo(): Promise<boolean> {
  const version = await run('go', ['version'], { env: goEnvironment() }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    },
  );
  return version?.code === 0;
}

/** Nothing from outside decides what is built: neither another module above, nor flags, nor a newer Go. */
export function goEnvironment(added: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env;
  return {
    ...process.env,
    PATH: `${PATH}:${GO_FOLDER}`,
    GOFLAGS: '',
    GOWORK: 'off',
    GOTOOLCHAIN: 'local',
    ...added,
  };
}
