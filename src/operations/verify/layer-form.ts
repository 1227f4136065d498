import type { LayerForm } from '../../hashing/hash-region.js';
import { compressionOfType, isLayerType } from '../../manifest/layer-types.js';

/** How engines handle a layer whose bytes do not match its media type, or have a form that some of them refuse. */
export interface FormProblem {
  /** True if no engine accepts the layer; false if some do. */
  isFatal: boolean;
  /** The rest of a sentence whose subject is the layer. */
  message: string;
}

/**
 * Returns the problems with the form of a layer. Tested with Docker 20.10 (registry, vfs), containerd 1.6 (native
 * snapshotter) and podman 4.3 with their own gzip readers; with `unpigz` installed, Docker and containerd ignore
 * trailing zeros.
 */
export function formProblems(form: LayerForm, mediaType: string): FormProblem[] {
  const problems: FormProblem[] = [];
  if (form.isPadded)
    problems.push({
      isFatal: true,
      message: 'has zeros behind the end of its gzip stream; Docker, containerd and podman refuse it',
    });
  if (form.isSkippableFirst)
    problems.push({
      isFatal: false,
      message: 'begins with a skippable zstd frame; Docker before 23 and podman 4 refuse it',
    });
  if (!isLayerType(mediaType))
    problems.push({
      isFatal: false,
      message: `has the type ${JSON.stringify(mediaType)}, which is not a layer type; containerd refuses it`,
    });
  const refused = mislabelled(form.compression, compressionOfType(mediaType));
  if (refused !== undefined)
    problems.push({ isFatal: false, message: `${refused} (its type is ${mediaType})` });
  return problems;
}

/**
 * Returns what is wrong if the bytes do not match the media type. containerd trusts the media type for uncompressed
 * layers and the bytes for others; Docker and podman trust the bytes.
 */
function mislabelled(
  found: LayerForm['compression'],
  said: ReturnType<typeof compressionOfType>,
): string | undefined {
  if (found === 'xz' || found === 'bzip2')
    return `is compressed with ${found}, which containerd does not read${said === undefined ? '' : `, whatever its type says`}`;
  if (found === 'zstd') {
    if (said === 'none')
      return 'is compressed with zstd although its type says plain; Docker before 23 and containerd refuse it';
    if (said === 'gzip')
      return 'is compressed with zstd although its type says gzip; Docker before 23 refuses it';
    return 'is compressed with zstd; Docker before 23 refuses it';
  }
  if (found === 'gzip' && said === 'none')
    return 'is compressed with gzip although its type says plain; containerd refuses it';
  if (found === 'gzip' && said === 'zstd')
    return 'is compressed with gzip although its type says zstd; engines take it, skopeo does not convert it';
  if (found === 'none' && said !== 'none' && said !== undefined)
    return `is not compressed although its type says ${said}; engines take it`;
  return undefined;
}
