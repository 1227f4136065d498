import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { digestOf } from '../../content/digest.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { ContentError, isLadingError, type LadingError } from '../../errors.js';
import { type IdentifiedDocument, identifyDocument } from '../../manifest/identify.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { recogniseJSON } from '../../tar/not-a-tar/json-texts.js';
import type { Finding, Note, VerifyResult } from './result.js';
import { reportedSignature } from './signatures.js';

/** True if the file at `path` is a single JSON document rather than an archive, judged by its first bytes. */
export async function isDocument(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined); // opening the file gives the error
  if (!stats?.isFile()) return false;
  const start = await readStart(path, TAR_START_LENGTH);
  // The first name in a tar may begin with a brace, too; but then NULs follow it, or the tar's checksum is correct.
  return /^\s*[{[]/.test(start.toString('latin1')) && !start.includes(0) && !isTarStart(start);
}

/** Identifies a single document, and checks its schema and, for schema1, its signatures. */
export async function verifyDocument(path: string): Promise<VerifyResult> {
  const bytes = await readStart(path, MAX_ARCHIVE_DOCUMENT_BYTES + 1);
  const checked = { manifests: 1, blobs: 0, bytes: bytes.byteLength, diffIDs: 0 };
  let identified: IdentifiedDocument;
  try {
    identified = identifyDocument(bytes, path, basename(path));
  } catch (error) {
    if (!isLadingError(error)) throw error;
    requireOfImages(bytes, path, error);
    const finding = { code: error.code, digest: digestOf(bytes), path, message: error.message };
    return { ok: false, checked, documents: [], findings: [finding], damaged: [], notes: [] };
  }
  const { warnings, signatures, ...base } = identified;
  const document = { ...base, ...(signatures && { signatures: signatures.map(reportedSignature) }) };
  const { digest } = document;
  const findings = (signatures ?? []).flatMap(({ problem }): Finding[] =>
    problem === undefined ? [] : [{ code: 'INVALID_SIGNATURE', digest, path, message: problem }],
  );
  const notes: Note[] = [];
  const invalid = document.kind === 'index-json' ? 'INVALID_LAYOUT' : 'INVALID_MANIFEST';
  for (const { code, message, isFatal } of warnings) {
    if (isFatal) findings.push({ code: invalid, digest, path, message: `${path}: ${message}` });
    else notes.push({ code, digest, path, message });
  }
  return { ok: findings.length === 0, checked, documents: [document], findings, damaged: [], notes };
}

/** Rejects with `INVALID_ARCHIVE` for a JSON document that has nothing to do with images. */
function requireOfImages(bytes: Buffer, path: string, cause: LadingError): void {
  const recognised = recogniseJSON(bytes.toString('utf8'));
  if (recognised === undefined || recognised.isOfImages) return;
  const { is, hint, remedy } = recognised;
  throw new ContentError('INVALID_ARCHIVE', `${path} is not a document of images: it is ${is}`, {
    cause,
    hint,
    remedy,
  });
}

async function readStart(path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: maxBytes - 1 }) as AsyncIterable<Buffer>)
    chunks.push(chunk);
  return Buffer.concat(chunks);
}
