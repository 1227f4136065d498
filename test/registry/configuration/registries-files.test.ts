import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadRegistriesConf } from '../../../src/registry/configuration/registries-files.js';
import { useFolder } from '../../support/temporary.js';

describe('loadRegistriesConf', () => {
  const path = useFolder();

  async function write(file: string, text: string): Promise<void> {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), text);
  }

  const table = (registry: string) => `# mine\n[[registry]]\nlocation = "${registry}"\n`;

  /** Returns the file whose table is used for each of four registries. */
  async function load(environment: NodeJS.ProcessEnv = {}): Promise<(string | undefined)[]> {
    const conf = await loadRegistriesConf({ environment, home: path('home'), system: path('etc') });
    return ['a.example', 'b.example', 'c.example', 'd.example'].map((name) =>
      conf?.find(name)?.source.slice(path().length),
    );
  }

  it('has nothing to say without files, and with files that say nothing of registries', async () => {
    const places = { environment: {}, home: path('home'), system: path('etc') };
    assert.equal(await loadRegistriesConf(places), undefined);
    await write(
      'etc/registries.conf',
      '# [[registry]]\nunqualified-search-registries = ["quay.io"]\n[aliases]\n',
    );
    assert.equal(await loadRegistriesConf(places), undefined);
  });

  it("joins the system's file, its drop-ins by name, and the user's drop-ins", async () => {
    await write('etc/registries.conf', table('a.example') + table('b.example'));
    await write('etc/registries.conf.d/20.conf', table('c.example') + table('b.example'));
    await write('etc/registries.conf.d/10.conf', table('c.example') + table('d.example'));
    await write('etc/registries.conf.d/30.conf.bak', table('a.example'));
    await write('home/.config/containers/registries.conf.d/01.conf', table('d.example'));
    assert.deepEqual(await load(), [
      '/etc/registries.conf',
      '/etc/registries.conf.d/20.conf',
      '/etc/registries.conf.d/20.conf',
      '/home/.config/containers/registries.conf.d/01.conf',
    ]);
  });

  it('passes over a folder that is called like a drop-in, and a link that leads nowhere', async () => {
    await write('etc/registries.conf', table('a.example'));
    await mkdir(path('etc/registries.conf.d/10.conf'), { recursive: true });
    await symlink(path('gone'), path('etc/registries.conf.d/20.conf'));
    await write('linked', table('b.example'));
    await symlink(path('linked'), path('etc/registries.conf.d/30.conf'));
    assert.deepEqual(await load(), [
      '/etc/registries.conf',
      '/etc/registries.conf.d/30.conf',
      undefined,
      undefined,
    ]);
  });

  it("has done with the system's files where the user has one", async () => {
    await write('etc/registries.conf', table('a.example'));
    await write('etc/registries.conf.d/10.conf', table('b.example'));
    await write('home/.config/containers/registries.conf', table('c.example'));
    await write('home/.config/containers/registries.conf.d/10.conf', table('d.example'));
    assert.deepEqual(await load(), [
      undefined,
      undefined,
      '/home/.config/containers/registries.conf',
      '/home/.config/containers/registries.conf.d/10.conf',
    ]);
  });

  it('reads the file of CONTAINERS_REGISTRIES_CONF first, which has to be there', async () => {
    await write('own.conf', table('a.example'));
    await write('etc/registries.conf', table('b.example'));
    await write('etc/registries.conf.d/10.conf', table('c.example'));
    assert.deepEqual(await load({ CONTAINERS_REGISTRIES_CONF: path('own.conf') }), [
      '/own.conf',
      undefined,
      '/etc/registries.conf.d/10.conf',
      undefined,
    ]);
    await assert.rejects(load({ CONTAINERS_REGISTRIES_CONF: path('gone.conf') }), { code: 'NOT_FOUND' });
  });
});
