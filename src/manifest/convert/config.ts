import type { Digest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { ContentError } from '../../errors.js';
import { parseCarriedConfig } from '../config.js';
import { editJSON, inObject, set } from '../json/edit.js';
import { isJSONObject, parseJSON } from '../json/json.js';
import { CONFIG } from '../shapes.js';
import { type ConversionTarget, type Document, documentOf } from './conversion.js';

/**
 * Returns a new config if the target needs one; otherwise undefined, and the image ID stays, as it nearly always does.
 * OCI requires the platform and the diffIDs, which Docker's configs may omit: missing ones are added, the platform from
 * `platform`. Throws `UNSUPPORTED` for a Windows base layer, which an OCI config cannot have.
 */
export function convertedConfig(
  bytes: Uint8Array,
  target: ConversionTarget,
  { digest, platform }: { digest: Digest; platform: Platform },
): Document | undefined {
  const { rootfs, irregular } = parseCarriedConfig(bytes, digest);
  // A config that violates its schema may be misunderstood, so it is not changed.
  if (target === 'docker' || irregular !== undefined) return undefined;
  if (rootfs.type !== 'layers') {
    throw new ContentError(
      'UNSUPPORTED',
      `${digest} has a Windows base layer, which an OCI config cannot have`,
    );
  }
  const document = parseJSON(bytes, { shape: CONFIG, what: digest });
  const members = isJSONObject(document) ? document : {};
  const edit = inObject({
    ...(members.architecture == null ? { architecture: set(platform.architecture) } : {}),
    ...(members.os == null ? { os: set(platform.os) } : {}),
    ...(rootfs.diff_ids.length === 0 ? { rootfs: inObject({ diff_ids: set([]) }) } : {}),
  });
  const completed = editJSON(bytes, edit);
  return completed.equals(bytes) ? undefined : documentOf(MEDIA_TYPE.ociConfig, completed);
}
