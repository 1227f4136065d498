import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { openPath } from '../../../src/store/open.js';
import { configFor, dockerArchive, namesOf, plainLayer, readImage } from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { useArchives } from './opening.js';

/** Archives that are refused on opening. */
const REFUSED: Record<string, { code: string; message: RegExp }> = {
  'docker-archives/synthetic/null-manifest.tar': { code: 'INVALID_ARCHIVE', message: /manifest\.json.*null/ },
  'docker-archives/synthetic/bad-layer-count.tar': {
    code: 'INVALID_ARCHIVE',
    message: /t\/s2:v1 has 1 layers, but its config 2/,
  },
  'docker-archives/synthetic/bad-missing-layer.tar': { code: 'MISSING_CONTENT', message: /l2\.tar/ },
  'docker-archives/synthetic/evil-symlink-absolute.tar': {
    code: 'INVALID_ARCHIVE',
    message: /l1\.tar, which is a link that leads out of the archive/,
  },
};

describe('a docker-archive with manifest.json that is hostile or damaged', () => {
  const { path, open, openBytes } = useArchives();
  const layer = plainLayer('x');
  const config = configFor(layer);

  async function refuses(bytes: Buffer, expected: { code: string; message?: RegExp }): Promise<void> {
    await writeFile(path('bad.tar'), bytes);
    await assert.rejects(openPath(path('bad.tar')), expected);
  }

  const item = { Config: 'c', RepoTags: ['a:b'], Layers: ['l'] };

  for (const [fixture, expected] of Object.entries(REFUSED)) {
    it(`is refused: ${fixture}`, async () => {
      await assert.rejects(openPath(fixturePath(fixture)), expected);
    });
  }

  it('gives a layer that is another than the config says away when its bytes are read', async () => {
    const store = await open(fixturePath('docker-archives/synthetic/bad-diffid.tar'));
    await assert.rejects(readImage(store, 't/s2:v1'), { code: 'DIGEST_MISMATCH' });
  });

  it('is refused when a path or a link leads out of it', async () => {
    const outside = { ...item, Layers: ['../../etc/passwd'] };
    await refuses(dockerArchive({ c: config }, [outside]), {
      code: 'INVALID_ARCHIVE',
      message: /leads out of it/,
    });
    await refuses(dockerArchive({ c: config, l: '-> ../l' }, [item]), {
      code: 'INVALID_ARCHIVE',
      message: /link/,
    });
    await refuses(dockerArchive({ c: '-> /etc/passwd', l: layer }, [item]), { code: 'INVALID_ARCHIVE' });
    await refuses(dockerArchive({ c: config, l: '-> l' }, [item]), {
      code: 'INVALID_ARCHIVE',
      message: /circle/,
    });
    await refuses(dockerArchive({ c: config, '../l': layer }, [item]), { code: 'INVALID_ARCHIVE' });
  });

  it('is refused when something that it names is not there', async () => {
    await refuses(dockerArchive({ l: layer }, [item]), {
      code: 'MISSING_CONTENT',
      message: /names c as a config/,
    });
    await refuses(dockerArchive({ c: config }, [item]), {
      code: 'MISSING_CONTENT',
      message: /names l as a layer/,
    });
  });

  it('is refused when it holds a file twice with different bytes', async () => {
    const twice = Buffer.concat([
      dockerArchive({ l: layer }, []).subarray(0, -2048),
      dockerArchive({ c: config, l: plainLayer('y') }, [item]),
    ]);
    await refuses(twice, { code: 'INVALID_ARCHIVE' });
  });

  it('is refused for a config that is none, or that is too large to be one', async () => {
    await refuses(dockerArchive({ c: '[]', l: layer }, [item]), { code: 'INVALID_MANIFEST' });
    // Without diffIDs nothing says what the layers are.
    await refuses(dockerArchive({ c: '{"rootfs":1}', l: layer }, [item]), { code: 'INVALID_ARCHIVE' });
    await refuses(dockerArchive({ c: Buffer.alloc(4 * 1024 * 1024 + 1, 32), l: layer }, [item]), {
      code: 'TOO_LARGE',
    });
  });

  it('is refused for a manifest.json that is no list of images', async () => {
    for (const items of [null, [null], [{ Config: 1 }], [{ ...item, Layers: 'l' }]])
      await refuses(dockerArchive({ c: config, l: layer }, items), { code: 'INVALID_ARCHIVE' });
  });

  it('is refused for layers compressed in a way that lading does not read', async () => {
    const packed = Buffer.concat([Buffer.from('BZh91AY'), Buffer.alloc(2000)]);
    await refuses(dockerArchive({ c: config, l: packed }, [item]), {
      code: 'UNSUPPORTED',
      message: /bzip2/,
    });
  });

  it('holds no image when its list is empty', async () => {
    const store = await openBytes(dockerArchive({}, []));
    assert.deepEqual(await namesOf(store), []);
    await assert.rejects(store.resolve('@0'), { code: 'NOT_FOUND' });
  });
});
