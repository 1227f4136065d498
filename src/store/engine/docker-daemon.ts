import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { LadingError, printable, systemCode } from '../../errors.js';
import { type ArchiveLimits, archiveLimitsOf } from '../limits.js';
import { type OpenedStream, openStream } from '../open-stream.js';

export interface DockerDaemonOptions extends ArchiveLimits {
  signal?: AbortSignal | undefined;
  onWarning?: ((message: string) => void) | undefined;
  /**
   * Address of the engine, `unix://PATH`; default: `DOCKER_HOST` of the environment, or else the engine's usual socket.
   */
  host?: string | undefined;
}

const USUAL_HOST = 'unix:///var/run/docker.sock';
/** Limit for an engine's error message, far above usual lengths. */
const MAX_ERROR_CHARACTERS = 10_000;

/**
 * Opens an image of the Docker engine on this machine, as `docker save` writes it; it is written to a temporary file
 * first. Rejects with `NOT_FOUND` if the engine does not have the image, with `UNREACHABLE` or `DENIED` if the engine
 * cannot be used, and with `UNSUPPORTED` for an engine on another machine. (Docker Engine API, `GET /images/get`)
 */
export async function openDockerDaemon(
  name: string,
  { signal, onWarning, host = process.env.DOCKER_HOST || USUAL_HOST, ...limits }: DockerDaemonOptions,
): Promise<OpenedStream> {
  const socketPath = socketOf(host);
  const answer = await ask(socketPath, `/images/get?names=${encodeURIComponent(name)}`, signal);
  if (answer.statusCode !== 200) throw await refusal(name, answer);
  onWarning?.(`${name} is written to a temporary file first`);
  const streamName = `the Docker export of ${name}`;
  const opened = await openStream(answer, { signal, streamName, limits: archiveLimitsOf(limits) });
  if (opened.store.contradictions.length === 0 && (await isMade(opened)))
    onWarning?.(
      `the digests of ${name} are new: this engine keeps no manifests, so they are made of its layers`,
    );
  return opened;
}

function socketOf(host: string): string {
  const [, path] = /^unix:\/\/(\/.*)$/.exec(host) ?? [];
  if (path !== undefined) return path;
  throw new LadingError('UNSUPPORTED', `${printable(host)} is not a Docker engine on this machine`, {
    hint: 'Ask it on its own machine, or with docker save; DOCKER_HOST says which engine is asked.',
  });
}

async function ask(
  socketPath: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  try {
    const asking = request({
      socketPath,
      path,
      headers: { host: 'docker' },
      ...(signal && { signal }),
    }).end();
    const [answer] = await once(asking, 'response');
    return answer;
  } catch (error) {
    signal?.throwIfAborted();
    const code = systemCode(error);
    if (code === 'EACCES' || code === 'EPERM')
      throw new LadingError('DENIED', `${socketPath} may not be used by this user`, {
        cause: error,
        hint: 'Run as a user of the group docker, or as root.',
      });
    throw new LadingError('UNREACHABLE', `the Docker engine at ${socketPath} does not answer`, {
      cause: error,
      hint: 'Start it, or set DOCKER_HOST to the address where it listens.',
    });
  }
}

async function refusal(name: string, answer: IncomingMessage): Promise<LadingError> {
  const body = (await text(answer)).slice(0, MAX_ERROR_CHARACTERS);
  const said = messageIn(body);
  if (answer.statusCode === 404)
    return new LadingError('NOT_FOUND', `the Docker engine does not have ${name}: ${said}`);
  return new LadingError('IO', `the Docker engine does not give ${name} (${answer.statusCode}): ${said}`);
}

function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : body;
  } catch {
    return body;
  }
}

/** True if the engine gave no manifest of its own; engines with containerd's image store do give one. */
async function isMade({ store }: OpenedStream): Promise<boolean> {
  for await (const { name } of store.names()) return (await store.resolve(name)).origin === 'made';
  return false;
}
