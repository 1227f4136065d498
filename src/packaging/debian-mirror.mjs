/**
 * Fetches packages of Debian 12 for any architecture, from the mirror that this machine's apt uses. apt itself does
 * it, in folders of its own, so nothing of the machine changes: it checks Debian's signature and all checksums, takes
 * the newest versions of the release, its updates and its security updates, and knows the proxy of this machine.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SUITE = 'bookworm';
/** The package debian-archive-keyring has it. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Thrown where packages of Debian cannot be had: other systems, no network. */
export class NoDebian extends Error {}

/**
 * Downloads packages into `folder`, for each architecture by Debian's name for it, and returns the paths of the files in
 * the order of `names`. Rejects with `NoDebian` where that is not possible.
 */
export async function fetchPackages(folder, architecture, names) {
  const mirrors = mirrorsHere();
  const environment = await aptIn(folder, architecture, mirrors);
  const apt = (...args) => aptGet(args, { cwd: folder, env: environment });
  apt('update', '--option', 'APT::Update::Error-Mode=any');
  return names.map((name) => {
    // 'URI' NAME_VERSION_ARCHITECTURE.deb SIZE CHECKSUM
    const [, file] = apt('download', '--print-uris', `${name}:${architecture}`).trim().split(' ');
    apt('download', `${name}:${architecture}`);
    return join(folder, file);
  });
}

/** Returns the mirrors of Debian and of its security updates that apt is set up with. */
function mirrorsHere() {
  if (!existsSync(KEYRING)) throw new NoDebian("Debian's keys are not on this machine");
  const listed = aptGet(['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages']);
  const of = (label) =>
    listed
      .split('\n')
      .find((line) => line.startsWith(`${label} `))
      ?.slice(label.length + 1);
  const [release, security] = [of('Debian'), of('Debian-Security')];
  if (release === undefined) throw new NoDebian('apt knows no mirror of Debian');
  // A machine without a mirror of security updates has those that went into the last point release.
  return [
    { uri: release, suites: [SUITE, `${SUITE}-updates`] },
    ...(security === undefined ? [] : [{ uri: security, suites: [`${SUITE}-security`] }]),
  ];
}

/** Gives apt folders, sources and settings of its own, and returns the environment that it finds them by. */
async function aptIn(folder, architecture, mirrors) {
  const sources = join(folder, 'debian.sources');
  const settings = join(folder, 'apt.conf');
  const status = join(folder, 'status');
  for (const kept of ['lists', 'archives']) await mkdir(join(folder, kept, 'partial'), { recursive: true });
  await writeFile(status, '');
  await writeFile(
    sources,
    mirrors
      .map(
        ({ uri, suites }) =>
          `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(' ')}\nComponents: main\nSigned-By: ${KEYRING}\n`,
      )
      .join('\n'),
  );
  // How the network is reached is this machine's matter; what else is downloaded or run after an update is not wanted.
  const network = execFileSync('apt-config', ['dump', 'Acquire'], { encoding: 'utf8' });
  const lines = network.split('\n').filter((line) => !/^Acquire::(IndexTargets|Languages)/.test(line));
  const own = {
    'Dir::Etc::Main': '/dev/null',
    'Dir::Etc::Parts': '/dev/null',
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::SourceList': sources,
    'Dir::State': folder,
    'Dir::State::status': status,
    'Dir::Cache': folder,
    'APT::Architecture': architecture,
    'APT::Sandbox::User': '', // as root, apt would download as a user who may not write to the folder
    'Acquire::Languages': 'none',
  };
  for (const [name, value] of Object.entries(own)) lines.push(`${name} "${value}";`);
  await writeFile(settings, `${lines.join('\n')}\nAPT::Architectures { "${architecture}"; };\n`);
  return { ...process.env, APT_CONFIG: settings, LC_ALL: 'C' };
}

function aptGet(args, options = {}) {
  try {
    return execFileSync('apt-get', ['--quiet=2', ...args], { encoding: 'utf8', stdio: 'pipe', ...options });
  } catch (error) {
    if (error.code === 'ENOENT') throw new NoDebian('this machine has no apt');
    const [reason = error.message] = (error.stderr ?? '').split('\n').filter((line) => /^E:/.test(line));
    throw new NoDebian(`apt-get ${args[0]}: ${reason}`, { cause: error });
  }
}
