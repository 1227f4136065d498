import type { MovedDocuments } from './documents.js';
import { refusalOf, validate } from './schema.js';
import type { DocumentKind } from './validators.js';

/** The engines that lading checks images for. */
export type Engine = 'Docker' | 'containerd' | 'podman';

/** A violation of a document's specification that does not prevent copying its content. */
export interface Irregularity {
  /** The place, what was expected there, and what was found. */
  problem: string;
  /** The place, as a JSON pointer. */
  place: string;
  /** The engines that refuse such an image, for example because Go cannot decode the type of a member. */
  refusedBy: readonly Engine[];
}

export const EVERY_ENGINE: readonly Engine[] = ['Docker', 'containerd', 'podman'];

/** For each strict schema, the schema of what copying needs, and the schema of what the engines' Go code can decode. */
const LAXER = {
  'oci-manifest': { structure: 'image-structure', decoded: 'go-manifest' },
  'docker-schema2': { structure: 'image-structure', decoded: 'go-manifest' },
  'oci-index': { structure: 'index-structure', decoded: 'go-index' },
  'docker-manifest-list': { structure: 'index-structure', decoded: 'go-index' },
  'index-json': { structure: 'index-structure', decoded: 'go-index' },
  'oci-artifact-manifest': { structure: 'artifact-structure', decoded: 'go-artifact' },
  'oras-artifact-manifest': { structure: 'artifact-structure', decoded: 'go-artifact' },
} as const satisfies Partial<Record<DocumentKind, { structure: DocumentKind; decoded: DocumentKind }>>;

/**
 * Checks a document for what copying its content needs, and returns other violations of its schema as `irregular`.
 * Throws as `validate` does if digests or sizes in it are missing or invalid, and if Go cannot decode the type of a
 * member, because no registry, engine or other tool would accept it.
 */
export function requireStructure<K extends keyof typeof LAXER & keyof MovedDocuments>(
  kind: K,
  value: unknown,
  where: string,
): { document: MovedDocuments[K]; irregular?: Irregularity } {
  const { structure, decoded } = LAXER[kind];
  const refusal = refusalOf(kind, value);
  const document = value as MovedDocuments[K]; // valid by one of the two schemas
  if (refusal === undefined) return { document };
  validate(structure, value, where, kind);
  validate(decoded, value, where, kind);
  return { document, irregular: { ...refusal, refusedBy: refusersOf(kind, refusal.place) } };
}

/**
 * Returns the violation of the schema of a config. It checks Docker's schema first, because it allows more, and its
 * violations do more harm. The result is not an error: registries and tools that copy images do not read configs.
 */
export function irregularityOf(
  kind: 'oci-config' | 'docker-config',
  value: unknown,
): Irregularity | undefined {
  const dockers = refusalOf('docker-config', value);
  if (dockers === undefined) {
    // Docker's schema has all members of OCI's, so all engines can decode what it accepts.
    const strict = refusalOf(kind, value);
    return strict && { ...strict, refusedBy: refusersOf(kind, strict.place) };
  }
  const judged: Irregularity[] = [
    ...refused(refusalOf('go-docker-config', value), READERS_OF_DOCKERS),
    ...refused(dockers, refusersOf(kind, dockers.place)),
    ...refused(refusalOf('go-oci-config', value), READERS_OF_OCIS),
  ];
  return judged.reduce<Irregularity | undefined>(
    (known, next) => (known === undefined ? next : together(known, next)),
    undefined,
  );
}

/** Docker decodes a config into its own struct, containerd into OCI's, podman into both: before a run at the latest. */
const READERS_OF_DOCKERS: readonly Engine[] = ['Docker', 'podman'];
const READERS_OF_OCIS: readonly Engine[] = ['containerd', 'podman'];

function refused(
  refusal: Omit<Irregularity, 'refusedBy'> | undefined,
  refusedBy: readonly Engine[],
): Irregularity[] {
  return refusal === undefined ? [] : [{ ...refusal, refusedBy }];
}

/** Merges two violations. The problem of `next` is added only if it makes more engines refuse the document. */
function together(known: Irregularity, next: Irregularity): Irregularity {
  const refusedBy = EVERY_ENGINE.filter((engine) =>
    [known, next].some((it) => it.refusedBy.includes(engine)),
  );
  if (refusedBy.length === known.refusedBy.length) return known;
  if (known.refusedBy.length === 0) return next;
  const problem = known.place === next.place ? known.problem : `${known.problem}; ${next.problem}`;
  return { problem, place: known.place, refusedBy };
}

/** The engines that refuse a violation at this place, as tested with Docker 20.10, containerd 1.6 and podman 4.3. */
function refusersOf(kind: DocumentKind, place: string): readonly Engine[] {
  // Docker does not decode embedded data.
  if (/\/data$/.test(place)) return ['containerd', 'podman'];
  // podman computes missing diffIDs.
  if (/^\/rootfs\b/.test(place)) return ['Docker', 'containerd'];
  // No machine has an empty platform. Only Docker ignores a manifest whose platform is null.
  if (/\/platform\/(?:os|architecture)$/.test(place)) return EVERY_ENGINE;
  if (/\/platform$/.test(place)) return ['Docker'];
  if (place === '/mediaType' && kind === 'docker-schema2') return ['podman'];
  if (place === '/mediaType' && kind === 'docker-manifest-list') return ['Docker'];
  return [];
}

/** Describes a violation on one line, without the name of the document. */
export function describeIrregularity({ problem, refusedBy }: Irregularity): string {
  if (refusedBy.length === 0) return problem;
  if (refusedBy.length === EVERY_ENGINE.length) return `${problem}; no engine accepts it`;
  return `${problem}; ${refusedBy.join(' and ')} ${refusedBy.length === 1 ? 'refuses' : 'refuse'} it`;
}

/** True if no engine can run such an image. */
export function isRefusedByAll({ refusedBy }: Irregularity): boolean {
  return refusedBy.length === EVERY_ENGINE.length;
}
