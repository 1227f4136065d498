import { run } from './run.js';

/** The path of Go's own installer, if it is not in `PATH`. */
const GO_FOLDER = '/usr/local/go/bin';

/** True if Go is installed. */
export async function hasGo(): Promise<boolean> {
  const version = await run('go', ['version'], { env: goEnvironment() }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return undefined;
    },
  );
  return version?.code === 0;
}

/**
 * The environment for builds, so that they do not depend on a module in a parent folder, on flags, or on a newer Go.
 */
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
