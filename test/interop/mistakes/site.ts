import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeIssuedCertificate } from '../../support/certificates.js';
import { makeImage, makeIndex } from '../../support/images.js';
import { writeCertificate } from '../../support/programs/certificate-authority.js';
import { startDockerRegistry } from '../../support/programs/docker-registry.js';
import { startDockerd } from '../../support/programs/dockerd.js';
import { runLading } from '../../support/programs/lading.js';
import { succeed } from '../../support/programs/run.js';
import { temporaryFolder } from '../../support/programs/workplace.js';
import { archiveOf } from '../loaded.js';
import { HOSTS } from './mistakes.js';

const USER = 'alice';
const PASSWORD = 'new-password';
const OLD_PASSWORD = 'old-password';

/**
 * Starts the hosts of the mistakes and a Docker engine, and returns the environment of a user at this site. It changes
 * addresses and mounts, so it has to run in namespaces of its own: `unshare --net --mount`.
 */
export async function openSite(): Promise<NodeJS.ProcessEnv> {
  await makeHosts();
  const known = await writeCertificate(
    makeIssuedCertificate([HOSTS.registry, HOSTS.withPassword], 'Company CA'),
  );
  const unknown = await writeCertificate(makeIssuedCertificate([HOSTS.untrusted], 'Site CA'));
  const password = { htpasswd: { user: USER, password: PASSWORD } };
  await startDockerRegistry({ address: `${HOSTS.registry}:443`, tls: known });
  await startDockerRegistry({ address: `${HOSTS.withPassword}:443`, tls: known, ...password });
  await startDockerRegistry({ address: `${HOSTS.untrusted}:443`, tls: unknown });
  await pushImage(known.ca);

  process.env.SSL_CERT_FILE = known.ca; // the daemons inherit it
  const { endpoint } = await startDockerd();
  const home = await makeHome();
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_RUNTIME_DIR: home, // without it, skopeo reads logins of the machine
    SSL_CERT_FILE: known.ca,
    DOCKER_HOST: endpoint,
    DOCKER_CLI_HINTS: 'false',
  };
}

/** Gives each host a name and an address for documentation (RFC 5737): Docker trusts all of 127.0.0.0/8. */
async function makeHosts(): Promise<void> {
  const addresses = Object.values(HOSTS).map((name, place) => ({ name, address: `192.0.2.${place + 1}` }));
  const file = join(await temporaryFolder('hosts'), 'hosts');
  const lines = addresses.map(({ name, address }) => `${address} ${name}\n`);
  await writeFile(file, ['127.0.0.1 localhost\n', ...lines].join(''));
  await succeed('mount', ['--bind', file, '/etc/hosts']);
  await succeed('ip', ['link', 'set', 'lo', 'up']);
  for (const { address } of addresses) await succeed('ip', ['address', 'add', `${address}/24`, 'dev', 'lo']);
}

async function pushImage(ca: string): Promise<void> {
  const children = await Promise.all(
    ['amd64', 'arm64'].map((architecture) =>
      makeImage({ seed: architecture, platform: { os: 'linux', architecture } }),
    ),
  );
  const archive = await archiveOf({ [`${HOSTS.registry}/team/app:1`]: makeIndex(children) });
  const { code, stderr } = await runLading(['load', '-i', archive, HOSTS.registry, '--ca', ca]);
  if (code !== 0) throw new Error(stderr);
}

/** A home directory with the login that is no longer right. */
async function makeHome(): Promise<string> {
  const home = await temporaryFolder('home');
  const auth = Buffer.from(`${USER}:${OLD_PASSWORD}`).toString('base64');
  await mkdir(join(home, '.docker'));
  await writeFile(
    join(home, '.docker', 'config.json'),
    JSON.stringify({ auths: { [HOSTS.withPassword]: { auth } } }),
  );
  return home;
}
