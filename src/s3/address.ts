import { LadingError } from '../errors.js';

/** A bucket and the part of its keys that one store has. */
export interface BucketAddress {
  bucket: string;
  /** Begins every key of the store: empty, or with a slash at its end. */
  prefix: string;
}

/** Where and how the service is asked. */
export interface S3Place {
  /** `https://HOST[:PORT][/PATH]`; `{bucket}` in it stands for the name of the bucket. */
  endpoint: string;
  region: string;
  /** True if the user named the region, so that it is not corrected. */
  isRegionChosen: boolean;
}

const SCHEME = 's3://';
const DEFAULT_REGION = 'us-east-1';
/** Keys have at most 1024 bytes. (Amazon S3 User Guide, "Naming Amazon S3 objects") */
const MAX_PREFIX_BYTES = 256;

/**
 * Parses `s3://BUCKET[/PREFIX]`; rejects with `USAGE`. (Amazon S3 User Guide, "General purpose bucket naming rules";
 * capital letters and underscores are of old buckets and of other servers.)
 */
export function parseBucketAddress(text: string): BucketAddress {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$/.test(bucket) || bucket.includes('..'))
    throw wrongAddress(text, 'names no bucket: a name has 3 to 63 letters, digits, dots and hyphens');
  const parts = path.replace(/\/$/, '').split('/');
  const isOdd = parts.some((part) => part === '' || part === '.' || part === '..' || /\p{Cc}/u.test(part));
  if (path !== '' && isOdd) throw wrongAddress(text, 'has a part of its prefix that is empty or a dot');
  if (path.includes('::'))
    throw new LadingError(
      'USAGE',
      `"${text}" has "::" in its prefix, which is part of its keys and names no image`,
      {
        hint: 'Write s3://BUCKET or s3://BUCKET/PREFIX.',
        remedy: 'select',
      },
    );
  const prefix = path === '' ? '' : `${parts.join('/')}/`;
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) throw wrongAddress(text, 'has too long a prefix');
  return { bucket, prefix };
}

/** Formats an address as `parseBucketAddress` reads it. */
export function formatBucketAddress({ bucket, prefix }: BucketAddress): string {
  return `${SCHEME}${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
}

function wrongAddress(text: string, problem: string): LadingError {
  return new LadingError('USAGE', `"${text}" ${problem}`, {
    hint: 'Write s3://BUCKET or s3://BUCKET/PREFIX.',
  });
}

/** What the user and the environment say about the place; undefined members are looked for elsewhere. */
export interface GivenPlace {
  endpoint?: string | undefined;
  region?: string | undefined;
}

/** Fills in what was not said: Amazon's endpoint of the region. Rejects with `USAGE` for what is no URL. */
export function placeOf({ endpoint, region }: GivenPlace): S3Place {
  const named = region ?? regionIn(endpoint);
  const place = { region: named ?? DEFAULT_REGION, isRegionChosen: named !== undefined };
  if (endpoint === undefined) return { ...place, endpoint: amazonEndpoint(place.region) };
  const url = URL.canParse(endpoint.replace('{bucket}', 'bucket'))
    ? new URL(endpoint.replace('{bucket}', 'bucket'))
    : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
    throw wrongEndpoint(endpoint);
  if (url.username !== '' || url.password !== '') throw wrongEndpoint('with a user and a password');
  return { ...place, endpoint: endpoint.replace(/\/$/, '') };
}

/** Returns the same place in another region; an endpoint of the user's own stays. */
export function inRegion(place: S3Place, region: string): S3Place {
  const isAmazon = place.endpoint === amazonEndpoint(place.region);
  return { ...place, region, endpoint: isAmazon ? amazonEndpoint(region) : place.endpoint };
}

function wrongEndpoint(what: string): LadingError {
  return new LadingError('USAGE', `the endpoint of a bucket cannot be ${what}`, {
    hint: 'An endpoint is http[s]://HOST[:PORT]; {bucket} in it stands for the name of the bucket.',
    remedy: 's3Endpoint',
  });
}

/** Virtual hosts, as Amazon wants them; the certificate has no names for buckets with a dot. */
function amazonEndpoint(region: string): string {
  return `https://{bucket}.s3.${region}.${amazonDomain(region)}`;
}

/** Returns the domain of Amazon's services in a region: those in China have one of their own. */
export function amazonDomain(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

function regionIn(endpoint: string | undefined): string | undefined {
  return /\bs3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com/.exec(endpoint ?? '')?.[1];
}

/**
 * Returns the URL of an object, or of the bucket without `key`. Parameters come in the order of their names, encoded as
 * the signature has them.
 */
export function urlOf(
  { endpoint }: S3Place,
  bucket: string,
  key: string | undefined,
  query: Readonly<Record<string, string>> = {},
): URL {
  const hasPlace = endpoint.includes('{bucket}');
  const isVirtual = hasPlace && !bucket.includes('.');
  const base = hasPlace
    ? endpoint.replace(isVirtual ? '{bucket}' : /\{bucket\}[./]?/, isVirtual ? bucket : '')
    : endpoint;
  const path = [...(isVirtual ? [] : [encoded(bucket)]), ...(key ?? '').split('/').map(encoded)].join('/');
  const url = new URL(`${base.replace(/\/$/, '')}/${path}`);
  url.search = Object.entries(query)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .join('&');
  return url;
}

/** Encodes everything but the unreserved characters. (RFC 3986, 2.3; Amazon S3, "Signature Version 4", `UriEncode`) */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
