import aws4 from 'aws4';
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

/** Headers that are not signed, since proxies on the way may write them in another way. */
const UNSIGNED = new Set(['accept-encoding', 'content-length', 'content-type', 'range', 'user-agent']);

/**
 * Returns the headers of a request with those that sign it. `x-amz-content-sha256` must be among them, so that the
 * signature covers the content. (Amazon S3, "Authenticating Requests: Using the Authorization Header")
 */
export function signedHeaders(
  { method, url, headers }: Signable,
  { credentials, region, service, now }: Signing,
): Record<string, string> {
  const all: Record<string, string> = { ...headers, host: url.host, 'x-amz-date': dateOf(now) };
  if (credentials.sessionToken !== undefined) all['x-amz-security-token'] = credentials.sessionToken;
  const toSign = Object.entries(all).filter(([name]) => !UNSIGNED.has(name));
  const path = url.pathname + url.search;
  const request = { method, host: url.host, path, headers: Object.fromEntries(toSign), region, service };
  const signed = aws4.sign(request, keyOf(credentials));
  return { ...all, authorization: String(signed.headers?.Authorization) };
}

/** Returns a URL that serves the object without credentials for some seconds, at most a week. */
export function signedURL(
  { method, url }: Pick<Signable, 'method' | 'url'>,
  seconds: number,
  { credentials, region, service, now }: Signing,
): URL {
  const expiring = new URL(url);
  expiring.searchParams.set('X-Amz-Expires', String(seconds));
  expiring.searchParams.set('X-Amz-Date', dateOf(now));
  const path = expiring.pathname + expiring.search;
  const request = { method, host: url.host, path, signQuery: true, region, service };
  return new URL(aws4.sign(request, keyOf(credentials)).path ?? '', url);
}

function keyOf({ accessKeyID, secretAccessKey, sessionToken }: AWSCredentials) {
  return {
    accessKeyId: accessKeyID,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

/** `20261201T020000Z`. */
function dateOf(now: number): string {
  return new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '');
}
