import type { Descriptor } from '../../content/descriptor.js';
import type { ImageFiles, NamedProblem } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import type { DamagedImage, Finding } from './result.js';

/**
 * Returns the images that need content with a finding, in the order of the index, and the broken ones.
 * Every image is walked again, which is done only if there are findings: while content is checked, each piece is
 * visited for the first image that needs it.
 */
export async function damagedImages(
  store: ImageFiles,
  findings: readonly Finding[],
  broken: readonly NamedProblem[],
): Promise<DamagedImage[]> {
  const bad = new Set(findings.flatMap(({ digest }) => digest ?? []));
  const named = [
    ...store.indexEntries.map((descriptor) => ({ name: entryName(descriptor), descriptor })),
    ...store.twins,
  ];
  const damaged = new Map<string, DamagedImage>();
  if (bad.size > 0) {
    for (const { name, descriptor } of named) {
      const { digest } = descriptor;
      if (!(await needsAny(store, descriptor, bad))) continue;
      // A manifest that lading made has a digest that no registry knows.
      damaged.set(`${name} ${digest}`, { name: name ?? digest, ...(!store.isMade(digest) && { digest }) });
    }
  }
  for (const { name } of broken) damaged.set(name, { name });
  return [...damaged.values()];
}

/**
 * True if `root` or something under it is in `bad`. What cannot be read is in it, or is missing on purpose, or is not a part
 * of what was verified.
 */
async function needsAny({ graph }: ImageFiles, root: Descriptor, bad: ReadonlySet<string>): Promise<boolean> {
  for (const manifest of (await graph.manifestsUnderSome([root])).values()) {
    if (bad.has(manifest.digest)) return true;
    if ((await graph.linksOf(manifest)).blobs.some((digest) => bad.has(digest))) return true;
  }
  return false;
}
