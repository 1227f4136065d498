import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sendError, sendJSON, serve, type TestServer } from '../registry/http-server.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { needs } from '../support/needs.js';
import { runLading } from '../support/programs/lading.js';
import { run } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';

/** What skopeo asks for by a file, lading asks for too. */
describe('registries.conf, beside skopeo', () => {
  let image: MadeImage;
  let folder: string;
  const servers: TestServer[] = [];
  let [full, other, empty]: [string, string, string] = ['', '', ''];

  before(async function () {
    needs(this, 'skopeo');
    image = await makeImage({ seed: 'registries' });
    folder = await temporaryFolder('registries');
    for (const has of [true, true, false]) {
      servers.push(
        await serve(({ url = '' }, response) => {
          const blob = image.all.find(({ descriptor }) => url.includes(descriptor.digest));
          const found = url.includes('/manifests/1') ? image.manifest : blob;
          if (url === '/v2/') sendJSON(response, {});
          else if (!has || found === undefined) sendError(response, 404, 'MANIFEST_UNKNOWN');
          else response.writeHead(200, { 'content-type': found.descriptor.mediaType }).end(found.bytes);
        }),
      );
    }
    [full = '', other = '', empty = ''] = servers.map(({ host }) => host);
  });
  after(() => Promise.all(servers.map(({ close }) => close())));

  /** The manifests that each server was asked for since the last time. */
  const asked = (): string[][] =>
    servers.map(({ requests }) => [
      ...new Set(
        requests
          .splice(0)
          .map((line) => (line.split(' ')[1] ?? '').replace(/\?.*/, ''))
          .filter((path) => path.includes('/manifests/') && !path.includes('/manifests/sha256-')),
      ),
    ]);

  const table = (prefix: string, location: string, more = '', mirrors: string[] = []): string =>
    `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\ninsecure = true\n${more}\n` +
    mirrors.map((mirror) => `[[registry.mirror]]\ninsecure = true\nlocation = ${mirror}\n`).join('');

  const cases: [what: string, conf: () => string, name: string][] = [
    ['a location with a path', () => table('reg.invalid/team', `${full}/hub`), 'reg.invalid/team/app:1'],
    [
      'the longest of two prefixes',
      () => table('reg.invalid', other) + table('reg.invalid/team', full),
      'reg.invalid/team/app:1',
    ],
    ['a prefix that ends within a component', () => table('reg.invalid/te', full), 'reg.invalid/team:1'],
    ['subdomains', () => table('*.invalid', `${full}/w`), 'a.b.invalid/app:1'],
    ['Docker Hub', () => table('docker.io/library', `${full}/lib`), 'busybox:1'],
    [
      'a mirror without the image',
      () => table('reg.invalid', full, '', [`"${empty}/c"`]),
      'reg.invalid/app:1',
    ],
    [
      'two mirrors, and a registry that is not there',
      () => table('reg.invalid', '127.0.0.1:1', '', [`"${empty}"`, `"${other}/x"`]),
      'reg.invalid/app:1',
    ],
    [
      'a mirror for digests, and a tag',
      () => table('reg.invalid', full, 'mirror-by-digest-only = true', [`"${other}"`]),
      'reg.invalid/app:1',
    ],
    [
      'a mirror for digests, and a digest',
      () => table('reg.invalid', full, 'mirror-by-digest-only = true', [`"${other}"`]),
      'reg.invalid/app@DIGEST',
    ],
    [
      'a registry that is blocked',
      () => '[[registry]]\nlocation = "reg.invalid"\nblocked = true',
      'reg.invalid/app:1',
    ],
    ['a location with a scheme', () => table('reg.invalid', `http://${full}`), 'reg.invalid/app:1'],
    ['a file that is not TOML', () => '[[registry', 'reg.invalid/app:1'],
  ];
  for (const [what, conf, text] of cases) {
    it(`is followed alike for ${what}`, async () => {
      const file = join(folder, 'registries.conf');
      await writeFile(file, conf());
      const name = text.replace('DIGEST', image.manifest.descriptor.digest);
      const skopeo = await run('skopeo', ['--registries-conf', file, 'inspect', '--raw', `docker://${name}`]);
      const bySkopeo = asked();
      const saved = await runLading(
        ['save', name, '-o', join(folder, 'out.tar'), '--retries', '0', '--no-referrers', '--quiet'],
        { env: { CONTAINERS_REGISTRIES_CONF: file } },
      );
      await run('rm', ['-f', join(folder, 'out.tar'), join(folder, 'out.tar.part')]);
      assert.deepEqual(asked(), bySkopeo, saved.stderr);
      assert.equal(saved.code === 0, skopeo.code === 0, `${skopeo.stderr}${saved.stderr}`);
    });
  }
});
