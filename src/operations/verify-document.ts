import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { digestOf } from '../content/digest.js';
import { type ErrorCode, isLadingError } from '../errors.js';
import { verifySchema1Signatures } from '../manifest/docker-schema1-signature.js';
import { MAX_MANIFEST_BYTES, manifestDigest, parseManifest } from '../manifest/manifest.js';
import type { VerifyResult } from './verify.js';

/** Whether the file at `path` is a single JSON document: its first character says so. */
export async function isDocument(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined); // what cannot be looked at is reported by who opens it
  if (!stats?.isFile() || stats.size > MAX_MANIFEST_BYTES) return false;
  const first = (await readStart(path, 64)).toString('latin1').trimStart();
  return first.startsWith('{') || first.startsWith('[');
}

/** Tells what a single manifest is, and checks its schema and, for schema1, its signatures. */
export async function verifyDocument(path: string): Promise<VerifyResult> {
  const bytes = await readStart(path, MAX_MANIFEST_BYTES);
  const checked = { manifests: 1, blobs: 0, bytes: bytes.byteLength };
  try {
    const manifest = parseManifest(bytes, { digest: path });
    const digest = manifestDigest(bytes, manifest.mediaType);
    const documents = [{ kind: manifest.format, digest, mediaType: manifest.mediaType }];
    const findings =
      manifest.format === 'docker-schema1' && manifest.signed ? signatureFindings(bytes, digest, path) : [];
    return { ok: findings.length === 0, checked, documents, findings };
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return {
      ok: false,
      checked,
      documents: [],
      findings: [finding(error.code, digestOf(bytes), path, error.message)],
    };
  }
}

function signatureFindings(bytes: Buffer, digest: string, path: string): VerifyResult['findings'] {
  try {
    verifySchema1Signatures(bytes, path);
    return [];
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return [finding(error.code, digest, path, error.message)];
  }
}

function finding(
  code: ErrorCode,
  digest: string,
  path: string,
  message: string,
): VerifyResult['findings'][number] {
  return { code, digest, path, message };
}

async function readStart(path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: maxBytes - 1 }) as AsyncIterable<Buffer>)
    chunks.push(chunk);
  return Buffer.concat(chunks);
}
