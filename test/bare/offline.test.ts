import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/programs/daemon.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { succeed } from '../support/programs/run.js';
import { type BareRoot, type BareRootOptions, makeBareRoot, passed } from './root.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** What an archive of these has: two tags of one repository. */
const IMAGES = 'fixtures/archives/docker20-multi.tar';

const SETTINGS: Required<BareRootOptions>[] = [
  { release: 'bookworm', node: { version: '20.19.0', npm: '10' }, network: false },
  { release: 'trixie', node: { version: '24', npm: '11' }, network: false },
];

/** What making the package printed: it is made once. */
let packed: Promise<string> | undefined;

for (const options of SETTINGS)
  describe(`the offline package without a network, on ${options.release} with Node.js ${options.node.version}`, () => {
    let root: BareRoot;
    let registry: string;

    before(async function () {
      root = await makeBareRoot(this, options);
      packed ??= succeed('npm', ['run', '--silent', 'pack:offline'], { cwd: PROJECT });
      const [file = ''] = /release\/\S+\.tgz/.exec(await packed) ?? [];
      await copyFile(join(PROJECT, file), join(root.path, 'srv/lading.tgz'));
      await copyFile(join(PROJECT, IMAGES), join(root.path, 'srv/images.tar'));
      registry = (await startDockerRegistry({ under: root.beside })).host;
    });
    after(() => root?.remove());

    it('is installed by npm, for everybody', async () => {
      passed(await root.run('root', 'npm install --global --offline /srv/lading.tgz'));
      assert.match(await lading('--version'), /^\d+\.\d+\.\d+\n$/);
    });

    it('shows what an archive holds', async () => {
      assert.match(await lading('ls /srv/images.tar'), /sha256:/);
      assert.match(await lading('inspect /srv/images.tar'), /linux\/amd64/);
    });

    it('loads into a registry, lists it, and saves from it what was loaded', async () => {
      await lading(`load -i /srv/images.tar ${registry} --write-map map.txt`);
      const loaded = (await shell('cat map.txt')).trim().split('\n');
      assert.equal(loaded.length, 2);
      const names = loaded.map((line) => line.split('\t')[1]);
      const tags = await lading(`ls ${names[0]?.replace(/:[^:]*$/, '')}`);
      assert.deepEqual(tags.trim().split('\n').sort(), ['1', '2']);
      await lading(`save ${names.join(' ')} -o saved.tar`);
      assert.deepEqual(
        await digestsIn('saved.tar'),
        loaded.map((line) => line.split('\t')[2]),
      );
    });

    it('verifies, and converts there and back', async () => {
      await lading('verify saved.tar');
      await lading('convert saved.tar -o oci.tar --to oci');
      await lading('verify oci.tar');
      assert.notDeepEqual(await digestsIn('oci.tar'), await digestsIn('saved.tar'));
      await lading('convert oci.tar -o docker.tar --to docker');
      assert.deepEqual(await digestsIn('docker.tar'), await digestsIn('saved.tar'));
    });

    it('copies, and serves what it has', async () => {
      await lading('copy saved.tar layout/');
      const host = `127.0.0.1:${await freePort()}`;
      await shell(`
        lading serve layout/ --listen ${host} & server=$!
        trap 'kill $server' EXIT
        until lading ls ${host}; do kill -0 $server; sleep 0.1; done
        lading ls ${host} | while read repository; do lading save $repository --all-tags -o again.tar; done`);
      assert.deepEqual(await digestsIn('again.tar'), await digestsIn('saved.tar'));
    });

    const shell = async (line: string): Promise<string> => passed(await root.run('someone', line)).stdout;
    const digestsIn = async (path: string) => (await lading(`ls ${path}`)).match(/sha256:[0-9a-f]{64}/g);
    const lading = (args: string): Promise<string> => shell(`lading ${args}`);
  });
