import assert from 'node:assert/strict';
import { digestOf } from '../../src/content/digest.js';
import type { Content } from '../support/images.js';
import type { AskOptions, Reply } from '../support/registry-server.js';

/** A registry to push to, which also accepts sparse manifests. */
export interface Registry {
  ask(path: string, options?: AskOptions): Promise<Reply>;
  close(): Promise<void>;
}

/** The repository of all pushes. */
export const REPOSITORY = '/v2/contract/repository';

export type Push = (registry: Registry, blob: Content) => Promise<Reply>;

const UPLOADS = `${REPOSITORY}/blobs/uploads/`;
const OCTETS = { 'Content-Type': 'application/octet-stream' };

/** Every way to push a blob. */
export const PUSHES: Record<string, Push> = {
  'in one POST': pushInPost,
  'by POST and PUT': (registry, blob) => push(registry, blob, []),
  'in one PATCH that is streamed': async (registry, { bytes, descriptor }) => {
    const path = await begin(registry);
    const headers = { ...OCTETS, 'Transfer-Encoding': 'chunked' };
    const { status } = await registry.ask(path, { method: 'PATCH', headers, body: bytes });
    assert.equal(status, 202);
    return registry.ask(`${path}?digest=${descriptor.digest}`, { method: 'PUT' });
  },
  'in pieces': async (registry, blob) => push(registry, blob, [700, 1400, 2048, 2100]),
  'in pieces, the last with the digest': async (registry, blob) => push(registry, blob, [700, 1400]),
};

export function pushInPost(registry: Registry, { bytes, descriptor }: Content): Promise<Reply> {
  return registry.ask(`${UPLOADS}?digest=${descriptor.digest}`, {
    method: 'POST',
    headers: OCTETS,
    body: bytes,
  });
}

/**
 * Pushes chunks that end at `ends`, as far as there are bytes, each after an attempt out of order; sends the rest with
 * the PUT.
 */
async function push(registry: Registry, { bytes, descriptor }: Content, ends: number[]): Promise<Reply> {
  const path = await begin(registry);
  let start = 0;
  for (const end of ends.map((end) => Math.min(end, bytes.length))) {
    if (end === start) continue;
    const piece = bytes.subarray(start, end);
    await assertOutOfOrder(registry, path, start, piece);
    const headers = { ...OCTETS, 'Content-Range': `${start}-${end - 1}` };
    const reply = await registry.ask(path, { method: 'PATCH', headers, body: piece });
    assert.equal(reply.status, 202);
    assert.equal(reply.headers.range, `0-${end - 1}`);
    start = end;
  }
  const rest = bytes.subarray(start);
  const range = ends.length > 0 && rest.length > 0 ? { 'Content-Range': `${start}-${bytes.length - 1}` } : {};
  return registry.ask(`${path}?digest=${descriptor.digest}`, {
    method: 'PUT',
    headers: { ...OCTETS, ...range },
    body: rest,
  });
}

async function begin(registry: Registry): Promise<string> {
  const { status, headers } = await registry.ask(UPLOADS, { method: 'POST' });
  assert.equal(status, 202);
  return headers.location ?? '';
}

/** Asserts that PATCH and PUT refuse the chunk and leave the upload unchanged. */
async function assertOutOfOrder(
  registry: Registry,
  path: string,
  start: number,
  piece: Buffer,
): Promise<void> {
  const wrong = start + 1;
  const headers = { ...OCTETS, 'Content-Range': `${wrong}-${wrong + piece.length - 1}` };
  const requests: [method: string, target: string][] = [
    ['PATCH', path],
    ['PUT', `${path}?digest=${digestOf(piece)}`],
  ];
  for (const [method, target] of requests)
    assert.equal((await registry.ask(target, { method, headers, body: piece })).status, 416, method);
  const state = await registry.ask(path);
  assert.equal(state.status, 204);
  assert.equal(state.headers.location, path);
  assert.equal(state.headers.range, `0-${Math.max(start - 1, 0)}`);
}
