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

/** The repository and reference of a request; the reference is unchecked. */
export interface ManifestPlace {
  repository: string;
  reference: string;
}

export interface GetManifestOptions extends FormsOptions {
  verified: VerifiedContent;
  conversions?: Conversions | undefined;
}

/**
 * Answers GET and HEAD of a manifest. By digest, the client gets exactly these bytes, whatever it accepts. By tag, it
 * gets a format that it accepts if `conversions` can make one, else the stored bytes. (distribution-spec, "Pulling
 * manifests")
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
  // A text that is not a valid tag is an unknown one: the conformance tests expect 404.
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

/**
 * Sent with negotiated answers, so that a cache does not give a client what only another one accepts. (RFC 9110,
 * 12.5.5)
 */
const VARY = { Vary: 'Accept' };

/**
 * Returns the first format that can be made. Why one cannot be made is thrown only if the client does not accept the
 * stored one either.
 */
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
  // A layout may name anything. Only manifests are served here, so that the Content-Type is always one of a few known
  // types.
  if (!isManifest(descriptor.mediaType)) throw unknown(reference);
  return descriptor;
}

/**
 * Answers with a stored document, which is verified before the head is sent: if it is damaged, the client gets an error
 * rather than a cut connection.
 */
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
 * Whether a document is read while it is sent, like a blob, so that the documents that slow clients request are not
 * held in memory. Not for schema1, whose digest is not that of its bytes, and not for documents over the limit, which
 * are refused elsewhere.
 */
function isStreamed({ mediaType, size }: Descriptor): boolean {
  return size > UNCOUNTED_BYTES && size <= MAX_MANIFEST_BYTES && !isSchema1(mediaType);
}

function notWanted(): never {
  throw new Error('the body of an answer without one was opened');
}

/**
 * Compares If-None-Match with the digest of what is served. distribution compares it with the stored digest, and so
 * tells a cache that has the stored format to use it for a client that cannot read it. (RFC 9110, 13.1.2)
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
