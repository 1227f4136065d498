import type { Descriptor } from '../../content/descriptor.js';
import { isManifest } from '../../content/media-types.js';
import { isLadingError } from '../../errors.js';
import { type GraphVisitor, walkGraph } from '../../graph/walk.js';
import { parseManifest, type Successors, successors } from '../../manifest/manifest.js';
import type { ImageFiles, NamedProblem } from '../../store/image-files.js';
import { entryName } from '../../store/layout/layout-index.js';
import { readContent } from '../../store/read-content.js';
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

/** True if something under `root` is in `bad`; what cannot be read is in it, because there is a finding about it. */
async function needsAny(store: ImageFiles, root: Descriptor, bad: ReadonlySet<string>): Promise<boolean> {
  const seen = new Set<string>();
  let isNeeded = false;
  const look = ({ digest }: Pick<Descriptor, 'digest'>): boolean => {
    const isNew = !seen.has(digest);
    seen.add(digest);
    isNeeded ||= bad.has(digest);
    return isNew && !isNeeded;
  };
  const visitor: GraphVisitor<Successors, never> = {
    async enter({ descriptor }) {
      if (!look(descriptor) || !isManifest(descriptor.mediaType)) return undefined;
      try {
        const below = successors(parseManifest(await readContent(store, descriptor), descriptor));
        for (const digest of below.unsized) look({ digest });
        return below;
      } catch (error) {
        if (isLadingError(error)) return undefined; // missing on purpose, or it is in `bad`
        throw error;
      }
    },
    async blob(descriptor) {
      look(descriptor);
    },
  };
  await walkGraph(root, visitor, { inTurn: true });
  return isNeeded;
}
