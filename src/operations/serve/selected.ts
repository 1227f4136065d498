import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { taggedName } from '../../content/names.js';
import { isLadingError, type LadingError } from '../../errors.js';
import { isAttachmentTag } from '../../store/attached.js';
import { delegate } from '../../store/delegate.js';
import { entryName } from '../../store/layout/layout-index.js';
import { namesMeantBy } from '../../store/match-names.js';
import { placeOf, type Tags, tagsOf } from '../../store/repository-view.js';
import { selectImages } from '../../store/select-images.js';
import type { Source } from '../../store/store.js';
import type { Served } from '../../store/union.js';

/**
 * Serves only the images that texts mean, with what is attached to them. A layout that changes is selected from anew.
 * Rejects with `NOT_FOUND` if a text means nothing in any of the stores, and with `USAGE` if a short name means several
 * images of one.
 */
export async function onlySelected(served: readonly Served[], select: readonly string[]): Promise<Served[]> {
  for (const text of select) await requireMeaning(served, text);
  return served.map((each) => selectedFrom(each, select));
}

async function requireMeaning(served: readonly Served[], text: string): Promise<void> {
  let missing: LadingError | undefined;
  for (const { store, location } of served) {
    try {
      await selectImages(store, [text], { location });
      return;
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND')) throw error;
      missing ??= error;
    }
  }
  if (missing !== undefined) throw missing;
}

/** Says whether an entry is served, by its name, which it may lack. */
type IsServed = (name: string | undefined, descriptor: Descriptor) => boolean;

function selectedFrom({ store, location, tags }: Served, select: readonly string[]): Served {
  let current: { of: Tags; isServed: IsServed; tags: Tags } | undefined;
  const isServed: IsServed = (...entry) => current?.isServed(...entry) ?? false;
  const entries =
    'indexEntries' in store ? (store as Source & { indexEntries: readonly Descriptor[] }) : undefined;
  const selected = delegate(store, {
    async *names(options?: Parameters<Source['names']>[0]): AsyncIterable<NamedDescriptor> {
      for await (const each of store.names(options)) if (isServed(each.name, each.descriptor)) yield each;
    },
    get indexEntries(): readonly Descriptor[] | undefined {
      return entries?.indexEntries.filter((entry) => isServed(entryName(entry), entry));
    },
  });
  return {
    location,
    store: selected,
    async tags() {
      const now = await tags();
      if (current?.of === now) return current.tags;
      const next = { of: now, isServed: await servedBy(store, select), tags: now };
      current = next;
      next.tags = await tagsOf(selected);
      return next.tags;
    },
  };
}

async function servedBy(store: Source, select: readonly string[]): Promise<IsServed> {
  const names: string[] = [];
  for await (const { name } of store.names()) names.push(name);
  const meant = new Set(select.flatMap((text) => [text, ...namesOrNone(text, names)]));
  const repositories = new Set(
    names.filter((name) => meant.has(name)).map((name) => placeOf(name).repository),
  );
  return (given, { digest }) => {
    if (meant.has(digest)) return true;
    if (given === undefined) return true; // attachments and parts belong to what has their subject
    const name = taggedName(given);
    const { repository, tag } = placeOf(name);
    return meant.has(name) || (tag !== undefined && isAttachmentTag(tag) && repositories.has(repository));
  };
}

/** A name that is none for lading can be selected by itself alone. */
function namesOrNone(text: string, names: readonly string[]): string[] {
  try {
    return namesMeantBy(text, names);
  } catch (error) {
    if (isLadingError(error, 'USAGE')) return [];
    throw error;
  }
}
