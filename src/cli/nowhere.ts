import { EXIT } from './exit-codes.js';
import type { StandardStreams } from './standard-streams.js';

/** Takes the place of the program where that does not load: without a current directory, not even the parser does. */
export async function run(args: string[], streams: StandardStreams): Promise<void> {
  if (isSomewhere()) return (await import('./run.js')).run(args, streams); // it fails again, for its own reason
  process.stderr.write(
    'lading: the current directory does not exist any more, or its path may not be read\n' +
      'hint: Change to another directory (cd).\n',
  );
  process.exitCode = EXIT.failed;
}

function isSomewhere(): boolean {
  try {
    return process.cwd() !== '';
  } catch {
    return false;
  }
}
