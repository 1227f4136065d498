import { algorithmOf, type Digest } from '../../content/digest.js';
import { type HashRequest, type HashResult, hashRegions } from '../../hashing/hashing.js';
import type { ContentFile } from '../../store/content-files.js';
import type { ImageFiles } from '../../store/image-files.js';
import { limitsOf } from '../../store/limits.js';
import type { GraphCheck } from './graph.js';
import { formProblems } from './layer-form.js';
import type { Finding, Note, VerifyOptions } from './result.js';

export interface VerifiedContent {
  findings: Finding[];
  notes: Note[];
  count: number;
  bytes: number;
  /** Number of layers that were compared with a config. */
  diffIDs: number;
}

/** A blob to read; for a layer, with what configs and manifests say about it. */
type Request = HashRequest &
  ContentFile & { expected: ReadonlyMap<Digest, Digest>; mediaTypes: ReadonlySet<string> };

const NOTHING: ReadonlyMap<Digest, Digest> = new Map();

/**
 * Hashes every blob except the documents that the walk has verified; a layer and its decompressed bytes are hashed in
 * one pass.
 */
export async function verifyBlobs(
  store: ImageFiles,
  walk: GraphCheck,
  options: VerifyOptions,
): Promise<VerifiedContent> {
  const files: ContentFile[] = [];
  for await (const file of store.blobs()) if (isToHash(file, walk, options)) files.push(file);
  const totalBytes = files.reduce((sum, { region }) => sum + region.size, 0);
  const { onEvent } = options;
  return verifyFiles(files, walk, options, (bytes) => onEvent?.({ type: 'hashed', bytes, totalBytes }));
}

/** False for documents that the walk has verified, and for what no selected image or platform needs. */
export function isToHash(
  { digest }: { digest: Digest },
  walk: GraphCheck,
  { select, platforms }: VerifyOptions,
): boolean {
  const isWhole = select === undefined && platforms === undefined;
  return !walk.verified.has(digest) && (isWhole || walk.needed.has(digest));
}

/** Hashes files that should have the content of digests. */
export async function verifyFiles(
  files: readonly ContentFile[],
  walk: GraphCheck,
  options: VerifyOptions,
  onHashed: (bytes: number) => void,
): Promise<VerifiedContent> {
  const { concurrency, signal } = options;
  const requests = files.map((file) => requestFor(file, walk, options));
  const notes: Note[] = walk.hasGaps
    ? []
    : files.filter(({ digest }) => !walk.needed.has(digest)).map(unreferenced);
  const bytes = requests.reduce((sum, { region }) => sum + region.size, 0);
  const findings: Finding[] = [];
  let diffIDs = 0;
  await hashRegions(
    requests,
    (request, result) => {
      const found = judge(request, result);
      findings.push(...found.findings);
      notes.push(...found.notes);
      if (found.isCompared) diffIDs++;
    },
    {
      threads: concurrency,
      signal,
      onHashed,
    },
  );
  return {
    findings: findings.sort(byPath),
    notes: notes.sort(byPath),
    count: requests.length,
    bytes,
    diffIDs,
  };
}

function requestFor(file: ContentFile, walk: GraphCheck, options: VerifyOptions): Request {
  const algorithm = algorithmOf(file.digest);
  const expected = options.diffIDs === false ? NOTHING : (walk.diffIDs.get(file.digest) ?? NOTHING);
  const mediaTypes = walk.layerTypes.get(file.digest) ?? new Set();
  const [diffID] = expected.keys();
  if (diffID === undefined) return { ...file, algorithm, expected, mediaTypes };
  return {
    ...file,
    algorithm: algorithmOf(diffID),
    storedAlgorithm: algorithm,
    decompress: file.digest,
    limits: limitsOf(options),
    expected,
    mediaTypes,
  };
}

interface Judgement {
  findings: Finding[];
  notes: Note[];
  isCompared: boolean;
}

/** Judges the bytes of a blob, and how engines handle the form in which they are stored. */
function judge(request: Request, result: HashResult): Judgement {
  const judgement = judgeBytes(request, result);
  if (result.form === undefined || judgement.findings.some(({ code }) => code === 'DIGEST_MISMATCH'))
    return judgement;
  const { digest, path, mediaTypes } = request;
  for (const mediaType of mediaTypes) {
    for (const { isFatal, message } of formProblems(result.form, mediaType)) {
      const place = { digest, path, message: `layer ${digest} ${message}` };
      if (isFatal) judgement.findings.push({ code: 'INVALID_ARCHIVE', ...place });
      else judgement.notes.push({ code: 'LAYER_FORM', ...place });
    }
  }
  return judgement;
}

function judgeBytes(
  { digest, path, algorithm, storedAlgorithm = algorithm, expected }: Request,
  { hex, storedHex = hex, problem, isTar, brokenTar }: HashResult,
): Judgement {
  const found = (code: Finding['code'], message: string): Finding => ({ code, digest, path, message });
  const judged = (findings: Finding[], isCompared = false): Judgement => ({
    findings,
    notes: [],
    isCompared,
  });
  const actual = `${storedAlgorithm}:${storedHex}`;
  if (actual !== digest)
    return judged([found('DIGEST_MISMATCH', `${digest} has other content: its digest is ${actual}`)]);
  if (problem?.code === 'UNSUPPORTED') {
    const message = `the diffID of ${digest} was not checked: ${problem.message}`;
    return { ...judged([]), notes: [{ code: 'NOT_CHECKED', digest, path, message }] };
  }
  if (problem !== undefined) return judged([found(problem.code, problem.message)], true);
  if (isTar === false)
    return judged([found('INVALID_ARCHIVE', `layer ${digest} is neither a tar nor a compressed tar`)], true);
  const diffID = `${algorithm}:${hex}`;
  // Two configs could name a layer by different algorithms. Nobody does that, so checking the first one is enough.
  const wrong = [...expected].filter(([wanted]) => wanted !== diffID && algorithmOf(wanted) === algorithm);
  const says = wrong.map(([wanted, config]) =>
    found('DIGEST_MISMATCH', `layer ${digest} has diffID ${diffID}, its config ${config} says ${wanted}`),
  );
  // If the layer is not the one that its config names, how its tar is written does not matter.
  if (brokenTar !== undefined && says.length === 0) {
    const message = `layer ${digest} holds a tar that ${brokenTar}; Docker, containerd and podman refuse it`;
    says.push(found('INVALID_ARCHIVE', message));
  }
  return judged(says, expected.size > 0);
}

function unreferenced({ digest, path, region }: ContentFile): Note {
  const message = `${digest} (${region.size} bytes) is needed by no image`;
  return { code: 'UNREFERENCED', digest, path, message };
}

/** Sorts by path, because threads answer in any order. */
function byPath(a: Finding | Note, b: Finding | Note): number {
  return (a.path ?? '') < (b.path ?? '') ? -1 : 1;
}
