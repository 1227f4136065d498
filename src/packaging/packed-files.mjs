import { execFileSync } from 'node:child_process';

/** Returns the paths that `npm pack` would put into the package. */
export function packedFiles() {
  // On Windows npm is a script, which needs a shell. The command contains no input.
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  });
  // npm 11 prints a list of packages, npm 12 an object with a member for each package.
  const [{ files }] = Object.values(JSON.parse(listing));
  return files.map((file) => file.path);
}
