import { AwsV4Signer } from 'aws4fetch';
import type { AWSCredentials } from './credentials/credentials.js';

export interface Signable {
  method: string;
  url: URL;
  headers: Readonly<Record<string, string>>;
}

export interface Signing {
  credentials: AWSCredentials;
  region: string;
  service: 's3' | 'sts';
  /** Milliseconds since 1970; the service accepts 15 minutes of difference. */
  now: number;
}

/** Keys for a day, by secret, day, region and service; made of four HMACs each. */
const keys = new Map<string, ArrayBuffer>();
const MOST_KEYS = 32;

/**
 * Returns the headers of a request with those that sign it. `x-amz-content-sha256` must be among them, so that the
 * signature covers the content. (Amazon S3, "Authenticating Requests: Using the Authorization Header")
 */
export async function signedHeaders(message: Signable, signing: Signing): Promise<Record<string, string>> {
  const { headers } = await signerOf(message, signing).sign();
  return Object.fromEntries(new Headers(headers));
}

/** Returns a URL that serves the object without credentials for some seconds, at most a week. */
export async function signedURL(
  { method, url }: Pick<Signable, 'method' | 'url'>,
  seconds: number,
  signing: Signing,
): Promise<URL> {
  const expiring = new URL(url);
  expiring.searchParams.set('X-Amz-Expires', String(seconds));
  const signed = await signerOf({ method, url: expiring, headers: {} }, signing, true).sign();
  return signed.url;
}

function signerOf(
  { method, url, headers }: Signable,
  { credentials, region, service, now }: Signing,
  signQuery = false,
): AwsV4Signer {
  if (keys.size > MOST_KEYS) keys.clear();
  const { accessKeyID, secretAccessKey, sessionToken } = credentials;
  return new AwsV4Signer({
    method,
    url: url.href,
    headers: { ...headers },
    accessKeyId: accessKeyID,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    region,
    service,
    signQuery,
    cache: keys,
    datetime: `${new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '')}`,
  });
}
