import type { MovedDocuments } from './documents.js';
import { refusalOf, validate } from './schema.js';
import type { DocumentKind } from './validators.js';

/** The engines whose judgement counts for images. */
export type Engine = 'Docker' | 'containerd' | 'podman';

/** What a document's specification does not allow, and what moving its content does not mind. */
export interface Irregularity {
  /** At which place, what was expected, and what was found. */
  problem: string;
  /** The place, as a JSON pointer. */
  place: string;
  /** The engines that refuse such an image: those that decode members whose types Go cannot decode, for one thing. */
  refusedBy: readonly Engine[];
}

export const EVERY_ENGINE: readonly Engine[] = ['Docker', 'containerd', 'podman'];

/** Of each strict schema: what moving the content needs, and what the engines, written in Go, can decode. */
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
 * Requires of a document what moving its content needs, and returns what else its schema does not allow.
 * Throws as `validate` does for a document without the digests and sizes of what it names, and for one whose members
 * have types that Go cannot decode: no registry, engine or other tool would take it.
 */
export function requireStructure<K extends keyof typeof LAXER & keyof MovedDocuments>(
  kind: K,
  value: unknown,
  where: string,
): { document: MovedDocuments[K]; irregular?: Irregularity } {
  const { structure, decoded } = LAXER[kind];
  const refusal = refusalOf(kind, value);
  const document = value as MovedDocuments[K]; // one of the two schemas accepts it
  if (refusal === undefined) return { document };
  validate(structure, value, where, kind);
  validate(decoded, value, where, kind);
  return { document, irregular: { ...refusal, refusedBy: refusersOf(kind, refusal.place) } };
}

/**
 * What the schema of an image's config does not allow, Docker's wider one before that of its kind: what that refuses
 * harms more. Registries and tools that copy do not read configs.
 */
export function irregularityOf(
  kind: 'oci-config' | 'docker-config',
  value: unknown,
): Irregularity | undefined {
  const dockers = refusalOf('docker-config', value);
  if (dockers === undefined) {
    // Docker's schema has every member of OCI's, so all engines can decode what it accepts.
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

/** Docker decodes a config into its own struct, containerd into OCI's, and podman into both: before it runs it, at the latest. */
const READERS_OF_DOCKERS: readonly Engine[] = ['Docker', 'podman'];
const READERS_OF_OCIS: readonly Engine[] = ['containerd', 'podman'];

function refused(
  refusal: Omit<Irregularity, 'refusedBy'> | undefined,
  refusedBy: readonly Engine[],
): Irregularity[] {
  return refusal === undefined ? [] : [{ ...refusal, refusedBy }];
}

/** What the next one has to say, it says where it makes other engines refuse the document. */
function together(known: Irregularity, next: Irregularity): Irregularity {
  const refusedBy = EVERY_ENGINE.filter((engine) =>
    [known, next].some((it) => it.refusedBy.includes(engine)),
  );
  if (refusedBy.length === known.refusedBy.length) return known;
  if (known.refusedBy.length === 0) return next;
  const problem = known.place === next.place ? known.problem : `${known.problem}; ${next.problem}`;
  return { problem, place: known.place, refusedBy };
}

/** As Docker 20.10, containerd 1.6 and podman 4.3 behaved when they were given such images. */
function refusersOf(kind: DocumentKind, place: string): readonly Engine[] {
  // Docker does not decode what is embedded.
  if (/\/data$/.test(place)) return ['containerd', 'podman'];
  // podman computes the diffIDs that it does not find.
  if (/^\/rootfs\b/.test(place)) return ['Docker', 'containerd'];
  // An empty platform is that of no machine; one that is null is left out of the choice by Docker alone.
  if (/\/platform\/(?:os|architecture)$/.test(place)) return EVERY_ENGINE;
  if (/\/platform$/.test(place)) return ['Docker'];
  if (place === '/mediaType' && kind === 'docker-schema2') return ['podman'];
  if (place === '/mediaType' && kind === 'docker-manifest-list') return ['Docker'];
  return [];
}

/** One line about it, without the document's name. */
export function describeIrregularity({ problem, refusedBy }: Irregularity): string {
  if (refusedBy.length === 0) return problem;
  if (refusedBy.length === EVERY_ENGINE.length) return `${problem}; no engine takes it`;
  return `${problem}; ${refusedBy.join(' and ')} ${refusedBy.length === 1 ? 'refuses' : 'refuse'} it`;
}

/** Whether no engine runs such an image. */
export function isRefusedByAll({ refusedBy }: Irregularity): boolean {
  return refusedBy.length === EVERY_ENGINE.length;
}
