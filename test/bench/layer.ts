import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { SourceFile } from './source-files.js';

/** A layer in a file, as `docker build` would have made it: a tar compressed with gzip. */
export interface Layer {
  file: string;
  digest: string;
  size: number;
  diffID: string;
  unpackedBytes: number;
  /** The first and the last file in it. */
  of: string;
}

/** Packs files with GNU tar and gzip level 6; the same files give the same bytes. */
export async function packLayer(files: readonly SourceFile[], file: string): Promise<Layer> {
  const tar = spawn(
    'tar',
    [
      ...['--create', '--directory=/', '--format=gnu', '--mtime=@0', '--owner=0', '--group=0'],
      ...['--numeric-owner', '--null', '--files-from=-'],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const failed = once(tar, 'error').then(([error]) => Promise.reject(error));
  const ended = once(tar, 'close');
  const unpacked = counting();
  const packed = counting();
  tar.stdin.end(files.map(({ path }) => `${path.slice(1)}\0`).join(''));
  const [complaints] = await Promise.race([
    failed,
    Promise.all([
      text(tar.stderr),
      pipeline(tar.stdout, unpacked.stream, createGzip({ level: 6 }), packed.stream, createWriteStream(file)),
    ]),
  ]);
  const [code] = await ended;
  if (code !== 0) throw new Error(`tar: exit ${code}\n${complaints}`);
  return {
    file,
    digest: `sha256:${packed.hash.digest('hex')}`,
    size: packed.bytes(),
    diffID: `sha256:${unpacked.hash.digest('hex')}`,
    unpackedBytes: unpacked.bytes(),
    of: files.length === 1 ? `${files[0]?.path}` : `${files[0]?.path} … ${files.at(-1)?.path}`,
  };
}

/** Hashes and counts what passes. */
export function counting(): { stream: Transform; hash: Hash; bytes: () => number } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      callback(null, chunk);
    },
  });
  return { stream, hash, bytes: () => bytes };
}
