import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import {
  type DestinationLocator,
  type Locator,
  parseDestinationLocator,
  parseLocator,
} from '../../src/store/locator.js';
import { useFolder } from '../support/temporary.js';

describe('parseLocator', () => {
  const digest = `sha256:${'a'.repeat(64)}` as const;

  it('reads the locators that users of skopeo know', () => {
    const locators: [text: string, locator: Locator][] = [
      [
        'docker://reg.test:5000/a/b:1',
        { kind: 'docker', reference: { registry: 'reg.test:5000', repository: 'a/b', tag: '1' } },
      ],
      [
        `docker://docker.io/library/a:1@${digest}`,
        { kind: 'docker', reference: { registry: 'docker.io', repository: 'library/a', tag: '1', digest } },
      ],
      ['oci:some/dir', { kind: 'oci', path: 'some/dir', reference: undefined }],
      [
        'oci:/tmp/x:docker.io/library/a:1',
        { kind: 'oci', path: '/tmp/x', reference: 'docker.io/library/a:1' },
      ],
      ['oci-archive:x.tar:1', { kind: 'oci-archive', path: 'x.tar', reference: '1' }],
      ['docker-archive:C:\\x.tar:a:1', { kind: 'docker-archive', path: 'C:\\x.tar', reference: 'a:1' }],
      ['images.tar', { kind: 'path', path: 'images.tar' }],
      ['reg.test/a:1', { kind: 'path', path: 'reg.test/a:1' }],
      ['ocidir:x', { kind: 'path', path: 'ocidir:x' }],
    ];
    for (const [text, locator] of locators) assert.deepEqual(parseLocator(text), locator);
  });

  it('takes a colon with nothing behind it for no reference', () => {
    assert.deepEqual(parseLocator('oci:dir:'), { kind: 'oci', path: 'dir', reference: undefined });
  });

  it('refuses a locator without a path, and an image name that is none', () => {
    for (const text of ['oci:', 'oci::1', 'oci-archive:', 'docker-archive::a']) {
      assert.throws(() => parseLocator(text), { code: 'USAGE', hint: /PATH:REFERENCE/ });
    }
    assert.throws(() => parseLocator('docker://'), { code: 'INVALID_REFERENCE' });
    assert.throws(() => parseLocator('docker://Not/Good'), { code: 'INVALID_REFERENCE' });
  });
});

describe('a place to write to', () => {
  const path = useFolder();
  const registry = (host: string, prefix = ''): DestinationLocator => ({
    kind: 'registry',
    registry: host,
    prefix,
  });

  it('is a registry with a prefix where no repository is named', async () => {
    const places: [string, DestinationLocator][] = [
      ['docker://127.0.0.1:15002', registry('127.0.0.1:15002')],
      ['docker://registry.local', registry('registry.local')],
      ['docker://localhost', registry('localhost')],
      ['docker://localhost:5000/', registry('localhost:5000')],
      ['docker://registry:5000', registry('registry:5000')],
      ['docker://[::1]:5000', registry('[::1]:5000')],
      ['docker://registry.local/mirror/', registry('registry.local', 'mirror')],
      ['docker://registry.local:5000/a/b/', registry('registry.local:5000', 'a/b')],
      ['docker://team/', registry('team')],
      ['docker://team/apps/', registry('docker.io', 'team/apps')],
    ];
    for (const [text, place] of places) assert.deepEqual(await parseDestinationLocator(text), place, text);
  });

  it('is a repository or an image where one is named', async () => {
    for (const [text, reference] of Object.entries({
      'docker://registry.local/app': { registry: 'registry.local', repository: 'app' },
      'docker://registry.local/app:1': { registry: 'registry.local', repository: 'app', tag: '1' },
      'docker://app:latest': { registry: 'docker.io', repository: 'library/app', tag: 'latest' },
      'docker://team/app': { registry: 'docker.io', repository: 'team/app' },
    }))
      assert.deepEqual(await parseDestinationLocator(text), { kind: 'docker', reference }, text);
  });

  it('is no registry where the host or the prefix cannot be one', async () => {
    for (const text of [
      'docker:///',
      'docker://Host.local/UPPER/',
      'docker://registry.local/a//',
      'docker://a_b.c:1',
    ])
      await assert.rejects(parseDestinationLocator(text), { code: 'USAGE', hint: /docker:\/\/HOST/ }, text);
  });

  it('is refused where a bare path looks like a registry or an image, with both ways to write it', async () => {
    for (const text of [
      'registry.local:5000',
      'registry:5000',
      '127.0.0.1:5000',
      'localhost/app',
      'registry.local/app',
      'registry.local/app:1',
      'ghcr.io/org/app@sha256:00',
      'app:1',
    ])
      await assert.rejects(parseDestinationLocator(text), {
        code: 'USAGE',
        hint: `Write docker://${text} for the registry, or ./${text} for a file of that name.`,
      });
    for (const text of ['', '-'])
      await assert.rejects(parseDestinationLocator(text), {
        code: 'USAGE',
        hint: 'Saving and converting write to streams, too; ./- is a file.',
        remedy: 'stream',
      });
  });

  it('is a path where a file of that name can be meant', async () => {
    const before = process.cwd();
    process.chdir(path());
    try {
      await mkdir('v1.2');
      await writeFile('app:1', '');
      const paths = [
        'images.tar',
        'images.oci',
        'images',
        'out/',
        './registry.local:5000',
        '../a:1',
        '/x/y',
        '~/a:1',
      ];
      for (const text of [...paths, 'v1.2/images', 'v1.2/a:1', 'app:1', 'ghcr.io/app.tar', 'a b:1'])
        assert.deepEqual(await parseDestinationLocator(text), { kind: 'path', path: text }, text);
    } finally {
      process.chdir(before);
    }
  });
});
