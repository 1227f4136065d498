import { isReference, parseReference } from '../../src/content/reference.js';

/** What a reader takes for one image. */
export interface Taken {
  /** A reference, `ref:TAG` where the reader knows the annotation `org.opencontainers.image.ref.name` alone, or empty. */
  name: string;
  /** The digest of the config. */
  config: string;
  says: Says;
  /** Digests of the layers, decompressed. */
  layers: readonly string[];
}

/** What a config says that decides what runs. */
export interface Says {
  user: string;
  cmd: readonly string[];
  dir: string;
  labels: Readonly<Record<string, string>>;
  os: string;
  arch: string;
  diffIDs: readonly string[];
}

export interface Reading {
  reader: string;
  /** Why it takes nothing. */
  refused?: string;
  images: readonly Taken[];
}

/** What lading shows of an archive that it verified without a finding. */
export interface Shown extends Taken {
  /** The annotation `org.opencontainers.image.ref.name`. */
  refName?: string | undefined;
}

/**
 * How a reader's view differs from what lading shows: an image that lading has not, a name that stands for another
 * image, or a config that says something else. Empty where the reader refuses, or takes the same.
 */
export function differences(shown: readonly Shown[], { reader, images }: Reading): string[] {
  return images.flatMap((taken) => {
    const same = shown.filter(({ config }) => config === taken.config);
    const [first] = same;
    const label = `${reader} takes ${taken.name || 'an image'} as ${taken.config.slice(0, 19)}`;
    if (first === undefined) return [`${label}, an image that lading does not show`];
    const found: string[] = [];
    if (JSON.stringify(sorted(taken.says)) !== JSON.stringify(sorted(first.says)))
      found.push(`${label}, whose config says ${JSON.stringify(taken.says)}`);
    if (taken.layers.join() !== first.layers.join()) found.push(`${label}, with other layers`);
    if (namedOtherwise(taken.name, same, shown)) found.push(`${label}, where lading has another name for it`);
    return found;
  });
}

/** Whether a reader gives images that lading shows, `same`, a name that they do not have there. */
export function namedOtherwise(name: string, same: readonly Shown[], shown: readonly Shown[]): boolean {
  if (name === '') return false;
  if (name.startsWith('ref:')) return !same.some(({ refName }) => `ref:${refName}` === name);
  const wanted = canonical(name);
  // Where lading shows no such name, the image has not been judged by it.
  if (wanted === undefined) return shown.some((image) => image.name === name);
  return !same.some((image) => canonical(image.name) === wanted);
}

function canonical(name: string): string | undefined {
  if (!isReference(name)) return undefined;
  const { registry, repository, tag = 'latest' } = parseReference(name);
  return `${registry}/${repository}:${tag}`;
}

function sorted({ labels, ...says }: Says): unknown {
  return { ...says, labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** Whether two readers take something else under one name. */
export function disagree(readings: readonly Reading[]): boolean {
  const meanings = new Map<string, string>();
  return readings.some(({ images }) =>
    images.some(({ name, config, says, layers }) => {
      const key = canonical(name);
      const meaning = JSON.stringify([config, sorted(says), layers]);
      if (key === undefined) return false;
      const known = meanings.get(key) ?? meaning;
      meanings.set(key, known);
      return known !== meaning;
    }),
  );
}
