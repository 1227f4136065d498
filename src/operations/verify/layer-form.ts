import type { LayerForm } from '../../hashing/hash-region.js';
import { compressionOfType, isLayerType } from '../../manifest/layer-types.js';

/** What engines make of a layer whose bytes are not as its media type says, or not as they read them. */
export interface FormProblem {
  /** Whether no engine takes the layer; otherwise some do. */
  isFatal: boolean;
  /** The rest of a sentence that begins with the layer. */
  message: string;
}

/**
 * What is wrong with the form of a layer. As tried with Docker 20.10 (registry, vfs), containerd 1.6 (native
 * snapshotter) and podman 4.3, with their own gzip readers: where `unpigz` is installed, Docker and containerd pass
 * over zeros that follow.
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
      message: `has the type ${JSON.stringify(mediaType)}, which is no layer's; containerd refuses it`,
    });
  const refused = mislabelled(form.compression, compressionOfType(mediaType));
  if (refused !== undefined)
    problems.push({ isFatal: false, message: `${refused} (its type is ${mediaType})` });
  return problems;
}

/** containerd goes by the media type for plain layers and by the bytes for others; Docker and podman by the bytes. */
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
