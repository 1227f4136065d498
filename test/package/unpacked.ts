import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { succeed } from '../support/programs/run.js';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

/** npm that reaches nothing but what it is given: no cache of the machine, no settings of the user, no registry. */
export function npmEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    npm_config_cache: join(home, 'npm-cache'),
    npm_config_registry: 'http://127.0.0.1:1/',
    npm_config_update_notifier: 'false',
  };
}

/** Packs the build that is there; resolves with the path of the tarball. */
export async function packInto(folder: string): Promise<string> {
  const output = await succeed(
    'npm',
    ['pack', '--ignore-scripts', '--pack-destination', folder, '--loglevel', 'error'],
    { cwd: ROOT, env: npmEnvironment(folder) },
  );
  return join(folder, output);
}

/** Unpacks a tarball of npm; resolves with the paths of its files. */
export async function unpack(tarball: string, folder: string): Promise<string[]> {
  const paths: string[] = [];
  const entries = createReadStream(tarball).pipe(createGunzip()).pipe(extract());
  for await (const entry of entries) {
    const path = entry.header.name.replace(/^package\//, '');
    paths.push(path);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await pipeline(entry, createWriteStream(join(folder, path)));
  }
  return paths;
}

/** Puts what the package says it needs beside it, and nothing else: what it uses without saying so is not found. */
export async function linkDependencies(modules: string, more: readonly string[] = []): Promise<void> {
  const manifest: { dependencies: object; optionalDependencies?: object } = JSON.parse(
    await readFile(join(modules, 'lading/package.json'), 'utf8'),
  );
  for (const name of [...Object.keys(manifest.dependencies), ...more]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name), 'junction');
  }
}
