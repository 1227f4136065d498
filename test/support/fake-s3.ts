import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request to the fake was. */
export interface FakeRequest {
  method: string;
  /** Undefined for the bucket itself. */
  key: string | undefined;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

/** An answer instead of the right one. */
export interface Fault {
  status: number;
  code?: string;
  message?: string;
  headers?: Record<string, string>;
  /** Members of the error document besides its code and message. */
  members?: Record<string, string>;
  /** Answer with a page, as a proxy or another server does. */
  isPage?: boolean;
  /** Break the connection off instead; after the request was carried out if `isDone`. */
  isCut?: boolean;
  /** Carry the request out first, and then answer with this. */
  isDone?: boolean;
  /** Never answer. */
  isSilent?: boolean;
}

export interface FakeS3Options {
  /** Carry writes out whatever their conditions are, as servers do that do not know them. */
  ignoresConditions?: boolean;
  /** Take any bytes, whatever digest was signed. */
  ignoresDigests?: boolean;
  /** Let everybody read, without a signature. */
  isPublic?: boolean;
  /** Most keys of a page; default 1000. */
  pageSize?: number;
  /** Chooses requests that get a fault. */
  fault?: (request: FakeRequest) => Fault | undefined;
}

export interface FakeS3 {
  readonly endpoint: string;
  /** Objects of the bucket by their keys. */
  readonly objects: Map<string, FakeObject>;
  readonly uploads: Map<string, { key: string; parts: Map<number, FakeObject>; initiated: number }>;
  /** Every request so far: `PUT blobs/…`. */
  readonly requests: FakeRequest[];
  /** The environment of a client of it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Sets the clock of the service forward. */
  pass(milliseconds: number): void;
  /** Replaces the chooser of faults. */
  fail(fault: FakeS3Options['fault']): void;
  close(): Promise<void>;
}

export interface FakeObject {
  bytes: Buffer;
  etag: string;
  modified: number;
  headers: Record<string, string>;
}

export const BUCKET = 'images';
const KEY = 'AKIDEXAMPLE';
/** Node.js as it is, also where a test takes MD5 away. */
const anyHash = createHash;
const PAGE = '<!DOCTYPE html><html><body><h1>It works!</h1></body></html>';

/**
 * Starts a small service of buckets in memory, with one bucket, for what a real one does not do when it is asked: faults,
 * pages of two, conditions that are not known. Conditions and writes are one step, as the event loop has one thread.
 */
export async function startFakeS3(options: FakeS3Options = {}): Promise<FakeS3> {
  const objects: FakeS3['objects'] = new Map();
  const uploads: FakeS3['uploads'] = new Map();
  const requests: FakeRequest[] = [];
  let { fault } = options;
  let clock = 0;

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const [, bucket = '', ...path] = url.pathname.split('/').map(decodeURIComponent);
    const key = path.join('/') === '' ? undefined : path.join('/');
    const asked = { method: request.method ?? '', key, query: url.searchParams, headers: request.headers };
    requests.push(asked);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const fail = (status: number, code: string, more: Fault['members'] = {}): Answer => ({
      status,
      body: document('Error', { Code: code, Message: `fake ${code}`, ...more }),
    });
    const chosen = fault?.(asked);
    if (chosen?.isSilent) return;
    const own = (): Answer => {
      const { authorization } = request.headers;
      const isSigned = authorization !== undefined || url.searchParams.has('X-Amz-Signature');
      const isReading = request.method === 'GET' || request.method === 'HEAD';
      if (!isSigned && !(options.isPublic && isReading)) return fail(403, 'AccessDenied');
      if (authorization?.includes(`Credential=${KEY}/`) === false) return fail(403, 'InvalidAccessKeyId');
      if (bucket !== BUCKET) return fail(404, 'NoSuchBucket');
      const digest = createHash('sha256').update(body).digest('hex');
      const signed = request.headers['x-amz-content-sha256'];
      if (!options.ignoresDigests && signed !== undefined && signed !== digest)
        return fail(400, 'XAmzContentSHA256Mismatch');
      return carryOut(asked, body, fail);
    };
    const given: Answer =
      chosen === undefined || chosen.isDone
        ? own()
        : chosen.isPage
          ? {
              status: chosen.status,
              body: PAGE,
              headers: { 'content-type': 'text/html; charset=utf-8', ...chosen.headers },
            }
          : { ...fail(chosen.status, chosen.code ?? 'Fault', chosen.members), headers: chosen.headers ?? {} };
    if (chosen?.isCut) {
      response.destroy();
      return;
    }
    const final = chosen?.isDone
      ? { ...fail(chosen.status, chosen.code ?? 'Fault'), headers: chosen.headers }
      : given;
    const bytes = typeof final.body === 'string' ? Buffer.from(final.body) : (final.body ?? Buffer.alloc(0));
    response.writeHead(final.status, {
      date: new Date(clock).toUTCString(),
      ...(final.status !== 304 && { 'content-length': String(final.size ?? bytes.length) }),
      ...final.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  function carryOut(request: FakeRequest, body: Buffer, fail: Fail): Answer {
    const { method, key, query } = request;
    if (key === undefined) {
      if (query.has('delete')) return removeAll(body.toString());
      return query.has('uploads') ? listOfUploads(query) : list(query);
    }
    if (query.has('uploads')) return begin(key);
    const upload = uploads.get(query.get('uploadId') ?? '');
    if (query.has('uploadId')) {
      if (upload === undefined) return fail(404, 'NoSuchUpload');
      if (method === 'PUT') return part(request, upload, body, fail);
      if (method === 'GET') return listOfParts(upload);
      uploads.delete(query.get('uploadId') ?? '');
      if (method === 'DELETE') return { status: 204 };
      const answer = complete(request, upload, body.toString(), fail);
      if (answer.status !== 200) uploads.set(query.get('uploadId') ?? '', upload);
      return answer;
    }
    const object = objects.get(key);
    switch (method) {
      case 'HEAD':
      case 'GET':
        return object === undefined ? fail(404, 'NoSuchKey') : give(object, request, fail);
      case 'DELETE':
        if (refuses(request, key)) return fail(412, 'PreconditionFailed');
        objects.delete(key);
        return { status: 204 };
      case 'PUT': {
        if (refuses(request, key)) return fail(412, 'PreconditionFailed');
        const source = request.headers['x-amz-copy-source'];
        if (source === undefined) return { status: 200, headers: { etag: write(key, body, request).etag } };
        const from = decodeURIComponent(String(source)).slice(BUCKET.length + 2);
        const original = objects.get(from);
        if (original === undefined) return fail(404, 'NoSuchKey');
        if (from === key && request.headers['x-amz-metadata-directive'] !== 'REPLACE')
          return fail(400, 'InvalidRequest');
        const { etag } = write(key, original.bytes, request);
        return { status: 200, body: document('CopyObjectResult', { ETag: etag }) };
      }
      default:
        return fail(405, 'MethodNotAllowed');
    }
  }

  /** Whether the condition of a write is not met. */
  function refuses({ headers }: FakeRequest, key: string): boolean {
    if (options.ignoresConditions) return false;
    const object = objects.get(key);
    if (headers['if-none-match'] === '*' && object !== undefined) return true;
    return headers['if-match'] !== undefined && headers['if-match'] !== object?.etag;
  }

  function write(key: string, bytes: Buffer, { headers }: FakeRequest): FakeObject {
    const object = objectOf(bytes, headers);
    objects.set(key, object);
    return object;
  }

  function objectOf(bytes: Buffer, headers: IncomingMessage['headers'], parts = ''): FakeObject {
    clock += 1000;
    const kept = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-server-side'));
    const etag = `"${anyHash('md5').update(bytes).digest('hex')}${parts}"`;
    return { bytes, etag, modified: clock, headers: Object.fromEntries(kept) as Record<string, string> };
  }

  function give({ bytes, etag, modified }: FakeObject, { headers }: FakeRequest, fail: Fail): Answer {
    const common = { etag, 'last-modified': new Date(modified).toUTCString() };
    if (headers['if-none-match'] === etag) return { status: 304, headers: common };
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (first === undefined) return { status: 200, headers: common, body: bytes };
    const start = Number(first);
    if (start >= bytes.length) return fail(416, 'InvalidRange');
    const end = Math.min(last === '' ? bytes.length : Number(last) + 1, bytes.length);
    const range = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
    return { status: 206, headers: { ...common, ...range }, body: bytes.subarray(start, end) };
  }

  function list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const most = Math.min(options.pageSize ?? 1000, Number(query.get('max-keys') ?? 1000));
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, most);
    const isTruncated = keys.length > page.length;
    const contents = page.map((key) => {
      const { bytes, etag, modified } = objects.get(key) as FakeObject;
      const members = { Key: encodeURIComponent(key), Size: String(bytes.length), ETag: etag };
      return document('Contents', { ...members, LastModified: new Date(modified).toISOString() });
    });
    return {
      status: 200,
      body: document(
        'ListBucketResult',
        {
          EncodingType: 'url',
          IsTruncated: String(isTruncated),
          ...(isTruncated && { NextContinuationToken: page.at(-1) ?? '' }),
        },
        contents.join(''),
      ),
    };
  }

  function removeAll(text: string): Answer {
    for (const [, key] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(key ?? '');
    return { status: 200, body: document('DeleteResult', {}) };
  }

  function begin(key: string): Answer {
    const uploadID = randomUUID();
    clock += 1000;
    uploads.set(uploadID, { key, parts: new Map(), initiated: clock });
    return { status: 200, body: document('InitiateMultipartUploadResult', { UploadId: uploadID }) };
  }

  type Upload = { key: string; parts: Map<number, FakeObject>; initiated: number };

  function part(request: FakeRequest, upload: Upload, body: Buffer, fail: Fail): Answer {
    const source = request.headers['x-amz-copy-source'];
    const number = Number(request.query.get('partNumber'));
    const from = source && objects.get(decodeURIComponent(String(source)).slice(BUCKET.length + 2));
    if (source !== undefined && !from) return fail(404, 'NoSuchKey');
    const [, first, last] =
      /^bytes=(\d+)-(\d+)$/.exec(String(request.headers['x-amz-copy-source-range'])) ?? [];
    const made = objectOf(from ? from.bytes.subarray(Number(first), Number(last) + 1) : body, {});
    upload.parts.set(number, made);
    if (from) return { status: 200, body: document('CopyPartResult', { ETag: made.etag }) };
    return { status: 200, headers: { etag: made.etag } };
  }

  function listOfUploads(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const after = `${query.get('key-marker') ?? ''} ${query.get('upload-id-marker') ?? ''}`;
    const found = [...uploads]
      .map(([id, upload]) => ({ id, ...upload, place: `${upload.key} ${id}` }))
      .filter(({ key, place }) => key.startsWith(prefix) && (after === ' ' || place > after))
      .sort((a, b) => (a.place < b.place ? -1 : 1));
    const page = found.slice(0, options.pageSize ?? 1000);
    const last = page.at(-1);
    const members = page.map(({ id, key, initiated }) =>
      document('Upload', {
        Key: encodeURIComponent(key),
        UploadId: id,
        Initiated: new Date(initiated).toISOString(),
      }),
    );
    const isTruncated = found.length > page.length;
    const next = { NextKeyMarker: encodeURIComponent(last?.key ?? ''), NextUploadIdMarker: last?.id ?? '' };
    const about = { EncodingType: 'url', IsTruncated: String(isTruncated), ...(isTruncated && next) };
    return { status: 200, body: document('ListMultipartUploadsResult', about, members.join('')) };
  }

  function listOfParts({ parts }: Upload): Answer {
    const members = [...parts].map(([number, { bytes, etag, modified }]) =>
      document('Part', {
        PartNumber: String(number),
        Size: String(bytes.length),
        ETag: etag,
        LastModified: new Date(modified).toISOString(),
      }),
    );
    return { status: 200, body: document('ListPartsResult', { IsTruncated: 'false' }, members.join('')) };
  }

  function complete(request: FakeRequest, { key, parts }: Upload, text: string, fail: Fail): Answer {
    const listed = [...text.matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)];
    const chosen = listed.map(([, number, etag]) => {
      const known = parts.get(Number(number));
      return known?.etag === etag?.replaceAll('&#34;', '"') ? known : undefined;
    });
    if (chosen.some((one) => one === undefined)) return fail(400, 'InvalidPart');
    if (refuses(request, key)) return fail(412, 'PreconditionFailed');
    const bytes = Buffer.concat(chosen.map((one) => one?.bytes ?? Buffer.alloc(0)));
    objects.set(key, objectOf(bytes, {}, `-${chosen.length}`));
    return { status: 200, body: document('CompleteMultipartUploadResult', { Key: key }) };
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoint,
    objects,
    uploads,
    requests,
    environment: {
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: 'a secret that nobody may see',
      AWS_ENDPOINT_URL_S3: endpoint,
      HOME: '/nonexistent',
    },
    pass(milliseconds) {
      clock += milliseconds;
    },
    fail(next) {
      fault = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  headers?: Record<string, string> | undefined;
  body?: Buffer | string;
  size?: number;
}

type Fail = (status: number, code: string) => Answer;

function document(name: string, members: Record<string, string>, children = ''): string {
  const texts = Object.entries(members).map(([member, text]) => `<${member}>${inXML(text)}</${member}>`);
  return `<${name}>${texts.join('')}${children}</${name}>`;
}

function inXML(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
