/** Returns the words of a key in lower case: `RELATED_IMAGE_API`, `sidecarImage` and `sidecar.istio.io/proxyImage`. */
export function wordsOf(key: string): string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
}

/** What follows `image` in keys whose value is no name. */
const AFTER: ReadonlySet<string> = new Set(
  (
    'pull policy policies secret secrets registry registries tag tags digest version size format type ' +
    'prefix suffix gc path dir file id ids sha sha256 stream streams streamtag credential credentials ' +
    'scan scanner scanning family project offer sku publisher lookup alt width height title caption ' +
    'description label labels annotations selector signature key pattern patterns automation update ' +
    'updates count minimum maximum threshold high low max min ttl repo repository repositories os ' +
    'arch architecture platform mirror mirrors cleanup filter filters review based quality driver ns ' +
    'pullpolicy pullsecrets pullsecret spec owner namespace webhook inspector'
  ).split(' '),
);

/** What makes a key with `image` in it one of a policy. */
const POLICIES: ReadonlySet<string> = new Set(
  (
    'allowed denied trusted excluded exclude ignored ignore skip blocked forbidden allowlist denylist ' +
    'whitelist blacklist pattern patterns regex glob globs output'
  ).split(' '),
);

/** What such a key mostly says of pictures and machines; a host, a path or a tag says otherwise. */
const DOUBTFUL: ReadonlySet<string> = new Set(
  (
    'logo icon avatar hero background thumbnail banner favicon og picture ami vm vhd iso boot disk ' +
    'machine instance'
  ).split(' '),
);

/**
 * True if a key or the name of a variable says that its value is the name of an image. Some keys need a value that has
 * a path, a tag or a digest: `bootImage`, `IMAGE_NAMESPACE`.
 */
export function isImageKey(key: string, value?: string): boolean {
  if (key === 'image') return true;
  if (!/image/i.test(key) || !/^[\w./ -]+$/.test(key)) return false;
  const words = wordsOf(key);
  const place = words.findIndex((word) => word === 'image' || word === 'images' || /[a-z]image$/.test(word));
  if (place < 0 || words.some((word) => POLICIES.has(word))) return false;
  const isLast = place === words.length - 1;
  if (isLast && !words.some((word) => DOUBTFUL.has(word))) return true;
  if (key.startsWith('RELATED_IMAGE_')) return true;
  const [next = '', last = ''] = [words[place + 1], words.at(-1)];
  if (value === undefined) return isLast || !AFTER.has(next);
  if (!isLast && (AFTER.has(next) || AFTER.has(last))) return /tag|version/.test(next) && hasTag(value);
  return /[:/@$]|\{\{/.test(value);
}

/** True for a path with a tag. */
function hasTag(value: string): boolean {
  const slash = value.lastIndexOf('/');
  return slash > 0 && value.indexOf(':', slash) > 0;
}

/** True if a key holds several images: `images`, `relatedImages`. */
export function isImagesKey(key: string): boolean {
  return /images$/i.test(key) && isImageKey(key);
}
