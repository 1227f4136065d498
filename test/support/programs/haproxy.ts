import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startDaemon } from './daemon.js';
import { isReady } from './replica.js';
import { temporaryFolder } from './workplace.js';

/** The header of an answer with the `HOST:PORT` of the server that gave it. */
export const ANSWERED_BY = 'x-answered-by';

/**
 * Starts haproxy before servers; each gets a request in turn while its `/healthz` answers with 200. Resolves with its
 * address.
 *
 * @param servers `HOST:PORT` of each
 */
export async function startHaproxy(servers: readonly string[]): Promise<string> {
  const host = `127.0.0.1:${await freePort()}`;
  const file = join(await temporaryFolder('balancer'), 'haproxy.cfg');
  await writeFile(
    file,
    `defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 3s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response 503
listen replicas
  bind ${host}
  balance roundrobin
  option httpchk GET /healthz
  http-check expect status 200
  http-response set-header ${ANSWERED_BY} %si:%sp
  default-server check inter 300ms fall 2 rise 1
${servers.map((server, place) => `  server ${place} ${server}\n`).join('')}`,
  );
  await startDaemon('haproxy', ['-db', '-f', file], {
    ready: () => isReady(host),
  });
  return host;
}
