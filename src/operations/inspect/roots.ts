import type { Descriptor } from '../../content/descriptor.js';
import { isAttachmentTag } from '../../store/attached.js';
import type { NamedProblem } from '../../store/image-files.js';
import type { SignalOption } from '../../store/store.js';
import { isSelection, requestsOf } from '../../transfer/requests.js';
import type { KnownSource } from '../../transfer/sources.js';

/**
 * Finds the images of a source, without attachments: all of them, or those that `reference` means, or the one that the
 * locator names. If several can be meant, broken ones are left out.
 */
export async function* rootsOf(
  source: KnownSource,
  { reference, signal }: SignalOption & { reference?: string | undefined },
): AsyncIterable<{ name: string; root: Descriptor }> {
  const wanted = reference ?? (source.kind === 'registry' ? undefined : source.reference);
  if (source.kind === 'registry' || wanted !== undefined) {
    const broken = brokenIn(source);
    for (const { name, reference: named } of await requestsOf(source, wanted))
      if (!isSelection(wanted ?? '') || !broken.has(named))
        yield { name, root: await source.store.resolve(named, { signal }) };
    return;
  }
  for await (const { name, descriptor } of source.store.names()) {
    if (!isAttachmentTag(name.slice(name.lastIndexOf(':') + 1))) yield { name, root: descriptor };
  }
}

/** Returns the broken images of a source: all of them, or those that `reference` means, if it can mean several. */
export async function brokenOf(
  source: KnownSource,
  reference: string | undefined,
): Promise<readonly NamedProblem[]> {
  if (source.kind !== 'path') return [];
  const wanted = reference ?? source.reference;
  const { broken } = source.store;
  if (wanted === undefined || broken.length === 0) return broken;
  if (!isSelection(wanted)) return [];
  const meant = new Set((await requestsOf(source, wanted)).map((request) => request.reference));
  return broken.filter((problem) => meant.has(problem.reference));
}

function brokenIn(source: KnownSource): Set<string> {
  return new Set(source.kind === 'path' ? source.store.broken.map(({ reference }) => reference) : []);
}
