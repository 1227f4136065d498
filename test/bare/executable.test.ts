import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hash } from 'bcryptjs';
import { archiveOf } from '../interop/loaded.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { freePort } from '../support/programs/daemon.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { executable } from '../support/programs/executable.js';
import { run, succeed } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type BareRoot, makeBareRoot, ODD_FOLDER, passed } from './root.js';

const USER = 'gap';
const PASSWORD = 'carry:it/over';
/** Large enough for the threads that hash and compress. */
const LAYERS = [70_000_000, 6_000_000];

interface Listed {
  images: { name: string; digest: string }[];
}

interface Document {
  config: { digest: string };
  layers: { digest: string; mediaType: string }[];
}

describe('the single executable on Debian 12, without Node.js and without a network', () => {
  let root: BareRoot;
  let registry: DockerRegistry;
  let image: MadeImage;

  before(async function () {
    needs(this, 'docker-registry', 'htpasswd', 'skopeo', 'curl', 'zstd');
    const program = await executable(this);
    root = await makeBareRoot(this, { release: 'bookworm', network: false });
    registry = await startDockerRegistry({
      under: root.beside,
      htpasswd: { user: USER, password: PASSWORD },
    });
    image = await makeImage({ seed: 'bare', layers: LAYERS });
    const archive = await archiveOf({ 'example.com/big/app:1': image, 'example.com/app:2': image });
    for (const user of ['root', 'someone']) {
      const folder = join(root.path, `${ODD_FOLDER} ${user}`);
      await succeed('mkdir', ['-p', folder]);
      await copyFile(program, join(folder, 'lading'));
      await copyFile(archive, join(folder, 'images.tar'));
      await succeed('chroot', [root.path, 'chown', '-R', `${user}:${user}`, `${ODD_FOLDER} ${user}`]);
    }
  });
  after(() => root?.remove());

  it('has no Node.js to run on', async () => {
    const { stdout } = await root.run('root', 'command -v node npm || ls /usr/lib/node_modules || true');
    assert.equal(stdout, '');
  });

  for (const user of ['root', 'someone'] as const)
    describe(`as ${user}, in a folder with an odd name, and with a home that is read-only`, () => {
      const folder = `${ODD_FOLDER} ${user}`;
      const shell = async (line: string): Promise<string> => {
        const environment = `export REGISTRY_AUTH_FILE=/tmp/logins-${user}.json`;
        return passed(await root.run(user, `${environment}\n${line}`, folder)).stdout;
      };
      const lading = (args: string): Promise<string> => shell(`./lading ${args}`);
      const listed = async (path: string): Promise<Listed['images']> =>
        (JSON.parse(await lading(`ls --json ${path}`)) as Listed).images;
      const digestsIn = async (path: string) => (await listed(path)).map(({ digest }) => digest);

      it('says its version, and shows what an archive holds', async () => {
        assert.match(await lading('--version'), /^\d+\.\d+\.\d+\n$/);
        assert.match(await lading('help save'), /--with-program/);
        assert.deepEqual(await listed('images.tar').then(([first]) => first?.digest), digestOfImage());
        assert.match(await lading('inspect "$PWD/images.tar" example.com/app:2'), /linux\/amd64/);
      });

      it('asks for a login where there is none, and stores one', async () => {
        const { code, stderr } = await root.run(user, `./lading ls ${registry.host}`, folder);
        assert.notEqual(code, 0);
        assert.match(stderr, /lading login/);
        await shell(
          `printf '%s\\n' '${PASSWORD}' | ./lading login ${registry.host} -u ${USER} --password-stdin`,
        );
        assert.match(await lading(`auth ${registry.host}`), new RegExp(USER));
      });

      it('loads into a registry, lists it, and saves from it what was loaded', async () => {
        await lading(`load -i images.tar ${registry.host}/${user} --write-map map.txt`);
        const names = (await shell('cut -f 2 map.txt')).trim().split('\n');
        assert.equal(names.length, 2);
        assert.equal(await lading(`ls ${names[0]?.replace(/:[^:]*$/, '')}`).then((text) => text.trim()), '1');
        await lading(`save ${names.join(' ')} -o 'gesichert (é) 1%2F.tar'`);
        assert.deepEqual(await digestsIn("'gesichert (é) 1%2F.tar'"), [digestOfImage(), digestOfImage()]);
      });

      it('verifies, and says what is damaged', async () => {
        assert.match(await lading("verify 'gesichert (é) 1%2F.tar'"), /all right/);
        await shell(`cp images.tar damaged.tar
          printf x | dd of=damaged.tar bs=1 seek=40000000 conv=notrunc status=none`);
        const { code, stderr, stdout } = await root.run(user, './lading verify damaged.tar', folder);
        assert.equal(code, 3, stderr);
        assert.match(stdout + stderr, new RegExp(image.layers[0]?.descriptor.digest ?? 'no layer'));
      });

      for (const compression of ['zstd', 'gzip'])
        it(`converts with --compression ${compression}, and its layers are what they were`, async () => {
          await lading(`convert images.tar -o ${compression}.tar --to oci --compression ${compression}`);
          assert.match(await lading(`verify ${compression}.tar`), /all right/);
          const file = join(root.path, folder, `${compression}.tar`);
          const [digest = ''] = await digestsIn(`${compression}.tar`);
          const { config, layers } = await contentOf<Document>(file, digest);
          const { rootfs } = await contentOf<{ rootfs: { diff_ids: string[] } }>(file, config.digest);
          for (const [position, layer] of layers.entries()) {
            // By the machine's own programs: what lading wrote is not asked about by lading.
            const line = `tar -xOf "$0" "$1" | ${compression} -dc | sha256sum`;
            const sum = await succeed('sh', ['-c', line, file, blobIn(layer.digest)]);
            assert.equal(`sha256:${sum.split(' ')[0]}`, rootfs.diff_ids[position], layer.mediaType);
          }
          await shell(`rm ${compression}.tar`);
        });

      it('copies into a layout, and serves it to skopeo by name and password', async () => {
        await lading("copy images.tar 'Ablage #1/'");
        const host = `127.0.0.1:${await freePort()}`;
        const stop = join(root.path, folder, 'stop');
        await writeFile(join(root.path, folder, 'users'), `${USER}:${await hash(PASSWORD, 5)}\n`);
        const serving = shell(`
          ./lading serve 'Ablage #1/' --listen ${host} --htpasswd users & server=$!
          until [ -e stop ]; do kill -0 $server; sleep 0.1; done
          kill $server; wait $server`);
        try {
          await Promise.race([serving, isReady(`http://${host}/v2/`)]);
          const pulled = await temporaryFolder('pulled');
          const pull = (creds: string) =>
            beside('skopeo', [
              ...['copy', '--insecure-policy', '--src-tls-verify=false', '--src-creds', creds],
              ...[`docker://${host}/app:2`, `dir:${pulled}`],
            ]);
          assert.match((await pull(`${USER}:wrong`)).stderr, /unauthorized|authentication required/i);
          passed(await pull(`${USER}:${PASSWORD}`));
          assert.equal(`sha256:${await sumOf(join(pulled, 'manifest.json'))}`, digestOfImage());
          for (const { descriptor } of image.layers)
            assert.equal(await sumOf(join(pulled, descriptor.digest.slice(7))), descriptor.digest.slice(7));
        } finally {
          await writeFile(stop, '');
        }
        await serving;
      });

      it('carries itself along, and the copy works', async () => {
        await shell(`mkdir carried
          ./lading save ${registry.host}/${user}/app:2 -o carried/app.tar --with-program
          cd carried
          sha256sum --check --quiet SHA256SUMS
          cmp lading ../lading
          ./lading verify app.tar
          rm -r ../carried`);
      });
    });

  const digestOfImage = (): string => image.manifest.descriptor.digest;

  function beside(command: string, args: string[]) {
    const [first = '', ...rest] = [...root.beside, command, ...args];
    return run(first, rest);
  }

  /** Waits for the server in the root, which cannot be reached from this network. */
  async function isReady(url: string): Promise<void> {
    for (;;) {
      const { stdout } = await beside('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', url]);
      if (stdout === '401') return;
      await delay(100);
    }
  }
});

function blobIn(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** Returns a document of an archive in the form of an OCI layout, which tar takes out. */
async function contentOf<T>(file: string, digest: string): Promise<T> {
  return JSON.parse(await succeed('tar', ['-xOf', file, blobIn(digest)])) as T;
}

async function sumOf(file: string): Promise<string> {
  return (await succeed('sha256sum', [file])).split(' ')[0] ?? '';
}
