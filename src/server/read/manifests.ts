import type { Descriptor } from '../../content/descriptor.js';
import { isManifest, isSchema1 } from '../../content/media-types.js';
import { isTag } from '../../content/reference.js';
import type { Document } from '../../manifest/convert/conversion.js';
import { MAX_MANIFEST_BYTES } from '../../manifest/manifest.js';
import type { Source } from '../../store/store.js';
import type { Answer, Asked } from '../answer.js';
import { Refusal } from '../errors.js';
import { UNCOUNTED_BYTES } from '../held-memory.js';
import { requireDigest } from '../names.js';
import { parseAccept } from './accept.js';
import type { Conversions } from './conversions.js';
import { orConverted } from './converted.js';
import { etagOf, matchesEtag } from './etag.js';
import { openStored, readStored, requireStored } from './fetch.js';
import { type Form, type FormsOptions, formsFor } from './negotiation.js';
import type { VerifiedContent } from './verified-content.js';
import { wholeBody } from './whole-body.js';

/** Where a manifest is asked for; the reference is as the client wrote it. */
export interface ManifestPlace {
  repository: string;
  reference: string;
}

export interface GetManifestOptions extends FormsOptions {
  verified: VerifiedContent;
  conversions?: Conversions | undefined;
}

/**
 * GET and HEAD of a manifest. By digest these are the bytes of that digest, whatever the client accepts; by tag
 * they are in a form that it accepts, where `conversions` can make one, else the stored bytes.
 * (distribution-spec, "Pulling manifests")
 */
export async function getManifest(
  store: Source,
  { repository, reference }: ManifestPlace,
  asked: Asked,
  { verified, conversions, schema1Default }: GetManifestOptions,
): Promise<Answer> {
  const stored = (holder: Source, descriptor: Descriptor) =>
    storedAnswer(holder, descriptor, asked, verified);
  if (reference.includes(':')) {
    const digest = requireDigest(reference);
    return orConverted(store, { repository, digest }, { asked, conversions }, async (holder) =>
      stored(holder, await requireManifest(holder, digest, asked)),
    );
  }
  // What cannot be a tag is one that nobody has pushed: the conformance tests want 404 for it.
  if (!isTag(reference)) throw unknown(reference);
  const descriptor = await requireManifest(store, reference, asked);
  if (conversions === undefined) return stored(store, descriptor);
  const accepted = parseAccept(asked.headers.accept);
  const made = await firstMade(
    formsFor(descriptor.mediaType, accepted, { schema1Default }),
    (form) => conversions.convert(store, { repository, tag: reference, descriptor }, form, asked),
    { isStoredAccepted: (accepted?.qualityOf(descriptor.mediaType) ?? 0) > 0 },
  );
  const answer =
    made === undefined ? await stored(store, descriptor) : answerOf(made.descriptor, made.bytes, asked);
  return { ...answer, headers: { ...answer.headers, ...VARY } };
}

/** Said of whatever is negotiated, so that no cache gives one client what another accepts. (RFC 9110, 12.5.5) */
const VARY = { Vary: 'Accept' };

/** A form that cannot be made is passed over; why it cannot matters to a client that accepts nothing else. */
async function firstMade(
  forms: readonly Form[],
  make: (form: Form) => Promise<Document | undefined>,
  { isStoredAccepted }: { isStoredAccepted: boolean },
): Promise<Document | undefined> {
  let refusal: Refusal | undefined;
  for (const form of forms) {
    try {
      const made = await make(form);
      if (made !== undefined) return made;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal ??= error;
    }
  }
  if (refusal !== undefined && !isStoredAccepted) throw refusal;
  return undefined;
}

async function requireManifest(store: Source, reference: string, asked: Asked): Promise<Descriptor> {
  const descriptor = await requireStored(
    store,
    () => store.resolve(reference, asked),
    () => unknown(reference),
    asked.signal,
  );
  // A layout may name anything. Only documents of these endpoints are served here, so that the type which
  // the client is told is one of a known few.
  if (!isManifest(descriptor.mediaType)) throw unknown(reference);
  return descriptor;
}

/** Documents are verified before the head is sent: a damaged one is an error and not a cut connection. */
async function storedAnswer(
  store: Source,
  descriptor: Descriptor,
  asked: Asked,
  verified: VerifiedContent,
): Promise<Answer> {
  const { digest, size } = descriptor;
  const gone = () => unknown(digest);
  const isWanted = asked.method === 'GET' && !matchesEtag(asked.headers['if-none-match'], digest);
  if (!isWanted) return answerOf(descriptor, { size, endsEarly: false, open: notWanted }, asked);
  if (isStreamed(descriptor)) {
    const open = (signal: AbortSignal | undefined) => openStored(store, descriptor, gone, { signal });
    const body = wholeBody(descriptor, () => verified.openDocument(store, descriptor, open, asked.signal));
    return answerOf(descriptor, body, asked);
  }
  const read = () => readStored(store, descriptor, gone, { signal: asked.signal });
  return answerOf(descriptor, await verified.document(descriptor, read), asked);
}

/**
 * Whether a document is read while it is sent, like a blob: of many that a slow client has asked for, none is in
 * memory. The digest of a schema1 is not that of its bytes, and what is too large for a document is refused elsewhere.
 */
function isStreamed({ mediaType, size }: Descriptor): boolean {
  return size > UNCOUNTED_BYTES && size <= MAX_MANIFEST_BYTES && !isSchema1(mediaType);
}

function notWanted(): never {
  throw new Error('the body of an answer without one was opened');
}

/**
 * What is served is what If-None-Match is held against. distribution holds it against the stored digest, and so
 * tells a cache that has the stored form to give it to a client that cannot read it. (RFC 9110, 13.1.2)
 */
function answerOf(
  { digest, mediaType }: Descriptor,
  body: NonNullable<Answer['body']>,
  asked: Asked,
): Answer {
  const headers = { 'Docker-Content-Digest': digest, ETag: etagOf(digest) };
  if (matchesEtag(asked.headers['if-none-match'], digest)) return { status: 304, headers };
  return { status: 200, headers: { ...headers, 'Content-Type': mediaType }, body };
}

function unknown(reference: string): Refusal {
  return new Refusal('MANIFEST_UNKNOWN', 'manifest unknown', { detail: { reference } });
}
