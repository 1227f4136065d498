import { startContainerd } from '../support/programs/containerd.js';
import { startDockerd } from '../support/programs/dockerd.js';
import { podman } from '../support/programs/podman.js';
import { trySkopeo } from '../support/programs/skopeo.js';

/** The images that an engine takes from an archive: their names and the digests of their configs. */
export interface Loaded {
  engine: string;
  refused?: string;
  images: { name: string; config: string }[];
}

/** Real engines, each of which forgets what it loaded before. */
export const ENGINES = {
  dockerd: loadIntoDocker,
  containerd: loadIntoContainerd,
  podman: loadIntoPodman,
  'skopeo docker-archive': (path: string) => copyBySkopeo('docker-archive', path),
  'skopeo oci-archive': (path: string) => copyBySkopeo('oci-archive', path),
} satisfies Record<string, (path: string) => Promise<Loaded>>;

async function loadIntoDocker(path: string): Promise<Loaded> {
  const { docker, forgetImages } = await startDockerd();
  await forgetImages();
  return judged('dockerd', async () => {
    await docker('load', '--input', path);
    const lines = await docker('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
    return namesAndDigests(lines);
  });
}

async function loadIntoContainerd(path: string): Promise<Loaded> {
  const { ctr } = await startContainerd();
  const namespace = 'meaning';
  const names = (await ctr(namespace, 'images', 'ls', '--quiet')).split('\n').filter(Boolean);
  if (names.length > 0) await ctr(namespace, 'images', 'rm', ...names);
  return judged('containerd', async () => {
    await ctr(namespace, 'images', 'import', '--no-unpack', path);
    const images: Loaded['images'] = [];
    for (const line of (await ctr(namespace, 'images', 'ls')).split('\n').slice(1)) {
      const [name = '', , digest = ''] = line.split(/\s+/);
      const { config } = JSON.parse(await ctr(namespace, 'content', 'get', digest));
      images.push({ name, config: config.digest });
    }
    return images;
  });
}

async function loadIntoPodman(path: string): Promise<Loaded> {
  await podman('rmi', '--all', '--force');
  return judged('podman', async () => {
    await podman('load', '--quiet', '--input', path);
    const listed: { Id: string; Names?: string[] }[] = JSON.parse(await podman('images', '--format', 'json'));
    return listed.flatMap(({ Id, Names = [''] }) =>
      Names.map((name) => ({
        name: name.replace(/^localhost\//, 'docker.io/library/'),
        config: `sha256:${Id}`,
      })),
    );
  });
}

/** Skopeo takes one image of an archive: the only one, or the one that is named. */
async function copyBySkopeo(transport: 'docker-archive' | 'oci-archive', path: string): Promise<Loaded> {
  const images: Loaded['images'] = [];
  let refused = '';
  for (const reference of REFERENCES[transport]) {
    const from = `${transport}:${path}${reference}`;
    const { code, stdout, stderr } = await trySkopeo('inspect', '--raw', from);
    if (code === 0) {
      const { config } = JSON.parse(stdout);
      const name = transport === 'docker-archive' ? reference.replace(/^:/, '') : '';
      images.push({ name, config: config.digest });
    } else refused = stderr;
  }
  return { engine: `skopeo ${transport}`, images, ...(images.length === 0 && { refused }) };
}

const REFERENCES = {
  'docker-archive': ['', ':app:1', ':app:2', ':app:3'],
  'oci-archive': ['', ':1', ':2', ':3'],
};

async function judged(engine: string, load: () => Promise<Loaded['images']>): Promise<Loaded> {
  try {
    return { engine, images: await load() };
  } catch (error) {
    return { engine, refused: String(error), images: [] };
  }
}

function namesAndDigests(lines: string): Loaded['images'] {
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [name = '', config = ''] = line.split(' ');
      return { name: name.includes('<none>') ? '' : name, config };
    });
}
