import { ContentError } from '../../errors.js';
import { keptAs } from '../artifact.js';
import { parseManifest } from '../manifest.js';
import type { ImageManifest } from '../oci.js';
import type { KnownManifest } from './conversion.js';

/** Parses the manifest of an image that can be converted; throws `UNSUPPORTED` for any other (see `keptAs`). */
export function parseImage(bytes: Uint8Array, where: string, { parsed }: KnownManifest = {}): ImageManifest {
  const manifest = parsed ?? parseManifest(bytes, { digest: where });
  if (manifest.format !== 'oci-manifest' && manifest.format !== 'docker-schema2')
    throw unsupported(where, `it is ${manifest.mediaType}`);
  const kept = keptAs(manifest);
  if (kept !== undefined) throw unsupported(where, `it is of the kind ${kept}, which has no other format`);
  return manifest;
}

function unsupported(where: string, reason: string): ContentError {
  return new ContentError('UNSUPPORTED', `${where} is not converted as an image: ${reason}`);
}
