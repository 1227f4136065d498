import { Readable } from 'node:stream';
import type { Digest } from '../../content/digest.js';
import { isTag } from '../../content/reference.js';
import { ContentError, isLadingError, RegistryError } from '../../errors.js';
import { readBody } from '../http/body.js';
import { contentLength, header, parseContentRange } from '../http/headers.js';
import { memberOf, readJSON } from '../http/json.js';
import type { RegistryRequest } from '../http/registry-request.js';
import type { Requester } from '../http/request.js';
import type { TransportResponse } from '../http/response.js';
import { type DoubtedRanges, fromByte, toStart } from '../ranges.js';
import { type CallOptions, type RepositoryName, repositoryText } from '../repository.js';
import { payloadChecksums } from './checksum.js';
import { SessionCookies } from './cookies.js';
import { isV1ID, requireTag, V1_HEADER, v1Path } from './protocol.js';

/** An image's JSON, with the size and checksums of its layer from the headers. */
export interface V1ImageAnswer {
  json: Buffer;
  /** Size in bytes of the layer as it is sent. */
  layerSize: number | undefined;
  /** Checksums over `json` and the layer; one of them has to match. */
  checksums: Digest[];
}

export interface V1LayerAnswer {
  /** The bytes from the requested start. */
  body: Readable;
  /** Size of the whole layer in bytes. */
  size: number | undefined;
}

/** A repository at the registries that its index names. It does not verify what it returns. */
export interface V1Repository {
  /** The origins of its registries: an ID identifies an image only within one place. */
  readonly place: string;
  /** Tags and the IDs of their images. */
  tags(options?: CallOptions): Promise<Map<string, string>>;
  /** Resolves a tag to the ID of its image; rejects with `NOT_FOUND`. */
  resolve(tag: string, options?: CallOptions): Promise<string>;
  /** Returns an image and its ancestors, the image first; rejects with `INVALID_MANIFEST` for a cycle. */
  ancestry(id: string, options?: CallOptions): Promise<string[]>;
  image(id: string, options?: CallOptions): Promise<V1ImageAnswer>;
  /** Returns the layer from `start`. After a failure, the caller resumes. */
  layer(
    id: string,
    options?: CallOptions & { start?: number | undefined; size?: number | undefined },
  ): Promise<V1LayerAnswer>;
}

const MAX_JSON_BYTES = 4 * 1024 * 1024;
/** Docker never had more than 127 layers. */
const MAX_CHAIN = 256;

/** Returns the repository; `request` is used for `endpoints` only. */
export function createV1Repository(
  request: Requester,
  name: RepositoryName,
  endpoints: readonly URL[],
  onWarning: ((text: string) => void) | undefined,
): V1Repository {
  const where = repositoryText(name);
  const cookies = new SessionCookies();
  const doubted: DoubtedRanges = new Map();
  let inOrder = [...endpoints];

  /** Asks one registry after the other until one has the content; from then on, that one is asked first. */
  async function ask<T>(
    message: Pick<RegistryRequest, 'target' | 'what' | 'whenNotFound' | 'headers' | 'otherwise'>,
    { signal, retries }: CallOptions,
    consume: (response: TransportResponse) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    const asked = inOrder;
    for (const [place, endpoint] of asked.entries()) {
      const own = cookies.headersFor(endpoint);
      try {
        const answer = await request(
          {
            ...message,
            method: 'GET',
            registry: endpoint.host,
            repository: name.repository,
            headers: { ...message.headers, ...own },
            otherwise(error) {
              const other = message.otherwise?.(error);
              return other && { ...other, headers: { ...other.headers, ...own } };
            },
            scopes: [],
            // No retries if another registry can be asked.
            retries: place === asked.length - 1 ? retries : 0,
            signal,
          },
          (response) => {
            cookies.take(endpoint, response);
            return consume(response);
          },
        );
        if (place > 0) inOrder = [endpoint, ...asked.filter((other) => other !== endpoint)];
        return answer;
      } catch (error) {
        if (isLadingError(error, 'ABORTED', 'USAGE')) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  async function tags(options: CallOptions = {}): Promise<Map<string, string>> {
    const what = `tags of ${where}`;
    const document = await ask({ target: v1Path.tags(name.repository), what }, options, (response) =>
      readJSON(response, what),
    );
    const found = new Map<string, string>();
    for (const [tag, id] of tagEntries(document, what)) {
      if (isTag(tag)) found.set(tag, id);
      else onWarning?.(`${what}: "${tag}" is left out because it is not a valid name`);
    }
    return found;
  }

  return {
    place: endpoints.map(({ origin }) => origin).join(' '),
    tags,

    async resolve(tag, options = {}) {
      const id = (await tags(options)).get(requireTag(tag));
      const what = `tag "${tag}" of ${where}`;
      if (id === undefined)
        throw new RegistryError('NOT_FOUND', `${what}: not found`, {
          hint: 'Check the tag.',
          remedy: 'list',
          remedyFor: where,
        });
      if (isV1ID(id)) return id;
      // Lists in the format of Docker Hub have shortened IDs.
      const target = v1Path.tag(name.repository, tag);
      const full = await ask({ target, what }, options, (response) => readJSON(response, what));
      if (isV1ID(full)) return full;
      throw new RegistryError('REGISTRY', `${what} is "${full}", which is not the ID of an image`);
    },

    async ancestry(id, options = {}) {
      const what = `ancestry of image ${id} of ${where}`;
      const target = v1Path.ancestry(requireID(id));
      return chainOf(await ask({ target, what }, options, (response) => readJSON(response, what)), id, what);
    },

    async image(id, options = {}) {
      const what = `image ${id} of ${where}`;
      return ask({ target: v1Path.json(requireID(id)), what }, options, async (response) => ({
        json: await readBody(response, MAX_JSON_BYTES, () => tooLarge(what)),
        layerSize: sizeOf(header(response.headers, V1_HEADER.size)),
        checksums: payloadChecksums(response.headers),
      }));
    },

    async layer(id, { start = 0, size, ...options } = {}) {
      if (start > 0 && start === size) return { body: Readable.from([]), size }; // HTTP has no empty ranges
      const what = `layer of image ${id} of ${where}`;
      const { headers, otherwise } = fromByte(start, size, { doubted, key: id });
      const message = { target: v1Path.layer(requireID(id)), what, headers, otherwise };
      return ask(message, options, async (response) => {
        const answer = withUnit(response);
        await toStart(answer, start, size, what);
        const range = parseContentRange(header(answer.headers, 'content-range'));
        const total = answer.status === 206 ? range?.total : contentLength(answer.headers);
        if (size !== undefined && total !== undefined && total !== size) {
          answer.body.destroy();
          throw new RegistryError('REGISTRY', `${what}: it has ${total} bytes, not ${size}`);
        }
        return { body: answer.body, size: total };
      });
    },
  };
}

function requireID(id: string): string {
  if (isV1ID(id)) return id;
  throw new RegistryError('REGISTRY', `"${id}" is not the ID of a v1 image`);
}

/** Parses `{"TAG":"ID"}`, or the list of `{"name","layer"}` that mirrors of Docker Hub sent. */
function tagEntries(document: unknown, what: string): [string, string][] {
  const entries: [unknown, unknown][] = Array.isArray(document)
    ? document.map((entry) => [memberOf(entry, 'name'), memberOf(entry, 'layer')])
    : typeof document === 'object' && document !== null
      ? Object.entries(document)
      : [[undefined, undefined]];
  return entries.map(([tag, id]) => {
    if (typeof tag === 'string' && typeof id === 'string' && /^[0-9a-f]{8,64}$/.test(id)) return [tag, id];
    throw new RegistryError('REGISTRY', `${what}: the answer is not a list of tags and the IDs of images`);
  });
}

function chainOf(document: unknown, id: string, what: string): string[] {
  const invalid = (problem: string): ContentError =>
    new ContentError('INVALID_MANIFEST', `${what}: ${problem}`);
  if (!Array.isArray(document) || !document.every(isV1ID))
    throw invalid('the answer is not a list of image IDs');
  if (document[0] !== id) throw invalid(`it starts with ${document[0] ?? 'nothing'}`);
  if (new Set(document).size < document.length) throw invalid('an image is its own ancestor');
  if (document.length > MAX_CHAIN) throw invalid(`it has more than ${MAX_CHAIN} images`);
  return document;
}

function sizeOf(text: string | undefined): number | undefined {
  const size = Number(text);
  return text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(size) ? size : undefined;
}

/** Adds the unit that docker-registry leaves out in `Content-Range: 0-9/10`. */
function withUnit(response: TransportResponse): TransportResponse {
  const range = header(response.headers, 'content-range');
  if (range === undefined || !/^\s*\d/.test(range)) return response;
  return { ...response, headers: { ...response.headers, 'content-range': `bytes ${range.trim()}` } };
}

function tooLarge(what: string): RegistryError {
  return new RegistryError('TOO_LARGE', `${what}: its JSON is larger than ${MAX_JSON_BYTES} bytes`);
}
