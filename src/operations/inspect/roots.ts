import type { Descriptor } from '../../content/descriptor.js';
import { formatReference, withDefaultTag } from '../../content/reference.js';
import { isAttachmentTag } from '../../store/attached.js';
import type { SignalOption } from '../../store/store.js';
import { instead } from '../../transfer/requests.js';
import type { KnownSource } from '../../transfer/sources.js';

/** Finds the images of a source, without attachments; only `reference`, or the image that the locator names, if any. */
export async function* rootsOf(
  source: KnownSource,
  { reference, signal }: SignalOption & { reference?: string | undefined },
): AsyncIterable<{ name: string; root: Descriptor }> {
  if (source.kind === 'registry') {
    const named = withDefaultTag(
      reference === undefined ? source.reference : instead(source.reference, reference),
    );
    const root = await source.store.resolve(named.digest ?? named.tag ?? 'latest', { signal });
    yield { name: formatReference(named), root };
    return;
  }
  const wanted = reference ?? source.reference;
  if (wanted !== undefined) {
    yield { name: wanted, root: await source.store.resolve(wanted) };
    return;
  }
  for await (const { name, descriptor } of source.store.names()) {
    if (!isAttachmentTag(name.slice(name.lastIndexOf(':') + 1))) yield { name, root: descriptor };
  }
}
