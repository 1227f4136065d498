import { writeNamedFile } from './write-named-file.js';

export interface LoadedImage {
  name: string;
  /** The name at the registry. */
  pushed: string;
  digest: string;
}

/** Writes one line per image to a file: source, destination and digest, separated by tabs. */
export async function writeMap(path: string, images: readonly LoadedImage[]): Promise<void> {
  const lines = images.map(({ name, pushed, digest }) => `${name}\t${pushed}\t${digest}\n`);
  await writeNamedFile(path, Buffer.from(lines.join('')), `the map ${path}`);
}
