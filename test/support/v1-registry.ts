import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJSON, serve, type TestServer } from '../registry/http-server.js';
import type { Certificate } from './certificates.js';
import { payloadChecksum, type V1TestImage } from './v1-images.js';

export interface V1RegistryOptions {
  /**
   * `standalone` (default): one server is index and registry. `index`: the index has its own port and issues tokens.
   */
  kind?: 'standalone' | 'index';
  /** The passwords of the users; if not given, no login is required. */
  users?: Record<string, string>;
  /** Whether a token is valid for only one request, and then a session cookie; default false. */
  tokensOnce?: boolean;
  /** Returns the checksums of an image; default the right ones. */
  checksums?: (image: V1TestImage) => string[];
  /** The value of `X-Docker-Endpoints`; default the address of the registry. */
  endpoints?: string;
  /** Sends tags as a list with IDs of 8 characters, as Docker Hub did. */
  shortTags?: boolean;
  /** Headers of `_ping`, instead of those of docker-registry 0.9. */
  pingHeaders?: Record<string, string>;
  tls?: Certificate;
  /** Answers instead of the server, if it returns true. */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface V1Registry {
  /** The index, whose address users know. */
  index: TestServer;
  /** The registry with the images; the same server as the index if it is standalone. */
  registry: TestServer;
  /** Stores images, and names the last of them: `NAMESPACE/NAME:TAG`. */
  put(name: string, images: readonly V1TestImage[]): void;
  remove(id: string): void;
  /** Cuts the next answers with this image's layer after these numbers of bytes. */
  cutLayer(id: string, ...after: number[]): void;
  /** Makes the servers refuse all tokens and sessions issued so far. */
  expireAll(): void;
  /** All requests for layers, with their ranges. */
  layerRequests: { id: string; range: string | undefined }[];
  close(): Promise<void>;
}

/**
 * Starts servers with the v1 protocol of docker-registry 0.9 and its index. (docker, "The Docker Hub and the Registry
 * v1")
 */
export async function startV1Registry(options: V1RegistryOptions = {}): Promise<V1Registry> {
  const { kind = 'standalone', users, tls } = options;
  const images = new Map<string, V1TestImage>();
  const repositories = new Map<string, Map<string, string>>();
  const tokens = new Set<string>();
  const sessions = new Set<string>();
  const cuts = new Map<string, number[]>();
  const layerRequests: V1Registry['layerRequests'] = [];

  function answerAsIndex(request: IncomingMessage, response: ServerResponse): unknown {
    const { url = '' } = request;
    const [, repository] = /^\/v1\/repositories\/(.+)\/images$/.exec(url) ?? [];
    if (url === '/v1/_ping') return ping(response);
    if (repository === undefined) return refuse(response, 404, 'not an index call');
    if (!knowsPassword(request, users)) return refuse(response, 401, 'Login required', 'Basic realm="index"');
    if (!repositories.has(repository)) return refuse(response, 404, 'Repository not found');
    const token = `signature=${randomBytes(8).toString('hex')},repository="${repository}",access=read`;
    const wantsToken = request.headers['x-docker-token'] === 'true';
    if (wantsToken) tokens.add(token);
    sendJSON(
      response,
      [...images.keys()].map((id) => ({ id })),
      {
        headers: {
          ...(wantsToken && { 'X-Docker-Token': `Token ${token}` }),
          ...(options.endpoints !== '' && { 'X-Docker-Endpoints': options.endpoints ?? registry.host }),
        },
      },
    );
  }

  function answerAsRegistry(request: IncomingMessage, response: ServerResponse): unknown {
    const { url = '' } = request;
    if (kind === 'standalone') {
      if (!knowsPassword(request, users)) return refuse(response, 401, 'who?', 'Basic realm="registry"');
    } else if (!isAdmitted(request, response)) {
      return refuse(response, 401, 'Requires authorization', 'Token');
    }
    if (url === '/v1/_ping') return ping(response);
    const [, repository, what, tag] =
      /^\/v1\/repositories\/(.+)\/(images|tags)(?:\/([^/]+))?$/.exec(url) ?? [];
    if (repository !== undefined) return answerRepository(response, repository, what ?? '', tag);
    const [, id = '', part] = /^\/v1\/images\/([^/]+)\/(json|ancestry|layer)$/.exec(url) ?? [];
    const image = images.get(id);
    if (image === undefined) return refuse(response, 404, 'Image not found');
    switch (part) {
      case 'ancestry':
        return sendJSON(response, ancestryOf(image));
      case 'json':
        return sendImage(response, image);
      default:
        return sendLayer(request, response, image);
    }
  }

  function answerRepository(
    response: ServerResponse,
    repository: string,
    what: string,
    tag: string | undefined,
  ): unknown {
    const tags = repositories.get(repository);
    if (tags === undefined) return refuse(response, 404, 'Repository not found');
    if (what === 'images')
      return sendJSON(
        response,
        [...images.keys()].map((id) => ({ id })),
      );
    if (tag !== undefined) return sendJSON(response, tags.get(tag));
    if (!options.shortTags) return sendJSON(response, Object.fromEntries(tags));
    return sendJSON(
      response,
      [...tags].map(([name, id]) => ({ layer: id.slice(0, 8), name })),
    );
  }

  /** True if a request has a valid token, or the session cookie that it was exchanged for. */
  function isAdmitted(request: IncomingMessage, response: ServerResponse): boolean {
    const [, session = ''] = /(?:^|;\s*)session=([^;]*)/.exec(request.headers.cookie ?? '') ?? [];
    if (sessions.has(session)) return true;
    const token = (request.headers.authorization ?? '').replace(/^Token /, '');
    if (!tokens.has(token)) return false;
    if (options.tokensOnce) {
      tokens.delete(token);
      const made = `"${randomBytes(8).toString('hex')}?x=1"`;
      sessions.add(made);
      response.setHeader('Set-Cookie', `session=${made}; Path=/; HttpOnly`);
    }
    return true;
  }

  function ancestryOf(image: V1TestImage): string[] {
    const ids: string[] = [];
    for (let id: string | undefined = image.id; id !== undefined; id = images.get(id)?.parent) {
      if (ids.push(id) > 300) break;
    }
    return ids;
  }

  function sendImage(response: ServerResponse, image: V1TestImage): void {
    const checksums = options.checksums?.(image) ?? [
      `tarsum+sha256:${'0'.repeat(64)}`,
      payloadChecksum(image),
    ];
    response.writeHead(200, {
      'content-type': 'application/json',
      'X-Docker-Size': image.layer.byteLength,
      ...(checksums.length > 0 && { 'X-Docker-Payload-Checksum': checksums }),
    });
    response.end(image.json);
  }

  function sendLayer(request: IncomingMessage, response: ServerResponse, { id, layer }: V1TestImage): void {
    const { range } = request.headers;
    layerRequests.push({ id, range });
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const size = layer.byteLength;
    const headers = { 'accept-ranges': 'bytes', 'content-length': size - start };
    if (range === undefined) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, 'content-range': `${start}-${size - 1}/${size}` });
    const cut = cuts.get(id)?.shift();
    if (cut === undefined) response.end(layer.subarray(start));
    else response.write(layer.subarray(start, start + cut), () => response.destroy());
  }

  function ping(response: ServerResponse): void {
    const headers = options.pingHeaders ?? {
      'X-Docker-Registry-Version': '0.9.1',
      'X-Docker-Registry-Standalone': String(kind === 'standalone'),
    };
    sendJSON(response, true, { headers });
  }

  const listen = (answer: typeof answerAsIndex): Promise<TestServer> =>
    serve((request, response) => {
      if (!options.instead?.(request, response)) answer(request, response);
    }, tls);
  const registry = await listen(answerAsRegistry);
  const index = kind === 'standalone' ? registry : await listen(answerAsIndex);

  return {
    index,
    registry,
    layerRequests,
    put(name, chain) {
      const [repository = '', tag = 'latest'] = name.split(':');
      for (const image of chain) images.set(image.id, image);
      const tags = repositories.get(repository) ?? new Map<string, string>();
      repositories.set(repository, tags.set(tag, chain.at(-1)?.id ?? ''));
    },
    remove: (id) => void images.delete(id),
    cutLayer: (id, ...after) => void cuts.set(id, after),
    expireAll() {
      tokens.clear();
      sessions.clear();
    },
    async close() {
      await registry.close();
      if (index !== registry) await index.close();
    },
  };
}

function knowsPassword({ headers }: IncomingMessage, users: Record<string, string> | undefined): boolean {
  if (users === undefined) return true;
  const [, encoded = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  const [user = '', password] = Buffer.from(encoded, 'base64').toString().split(':');
  return users[user] !== undefined && users[user] === password;
}

/** Sends an error in the format of docker-registry. */
function refuse(response: ServerResponse, status: number, error: string, challenge?: string): void {
  const headers = challenge === undefined ? {} : { 'www-authenticate': challenge };
  sendJSON(response, { error }, { status, headers });
}
