import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startDaemon } from './daemon.js';
import { ANSWERED_BY } from './haproxy.js';
import { isReady } from './replica.js';
import { temporaryFolder } from './workplace.js';

/**
 * Starts nginx before servers; each gets a request in turn, and another one where it does not answer, or with 503. After
 * that it gets none for 2 s. Resolves with its address.
 *
 * @param servers `HOST:PORT` of each
 */
export async function startNginx(servers: readonly string[]): Promise<string> {
  const host = `127.0.0.1:${await freePort()}`;
  const folder = await temporaryFolder('balancer');
  const file = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${join(folder, kind)};\n`)
    .join('');
  await writeFile(
    file,
    `daemon off;
pid ${join(folder, 'pid')};
error_log stderr;
events {}
http {
  access_log off;
${temporary}  upstream replicas {
    keepalive 16;
${servers.map((server) => `    server ${server} max_fails=1 fail_timeout=2s;\n`).join('')}  }
  # The last of the servers that were asked.
  map $upstream_addr $answered_by {
    "~(?<last>[^ ]+)$" $last;
  }
  server {
    listen ${host};
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_connect_timeout 2s;
      proxy_buffering off;
      proxy_next_upstream error timeout http_503;
      add_header ${ANSWERED_BY} $answered_by always;
    }
  }
}
`,
  );
  await startDaemon('nginx', ['-c', file, '-e', 'stderr'], { ready: () => isReady(host) });
  return host;
}
