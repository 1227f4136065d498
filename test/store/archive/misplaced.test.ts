import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { ContentError } from '../../../src/errors.js';
import { copyImages } from '../../../src/operations/copy.js';
import { verify } from '../../../src/operations/verify/verify.js';
import {
  configFor,
  type Files,
  namesOf,
  plainLayer,
  readImage,
  tarOf,
} from '../../support/docker-archives.js';
import { type MadeImage, makeImage } from '../../support/images.js';
import { useArchives } from './opening.js';

const NAME = 'reg.test/a:1';
const layer = plainLayer('misplaced');
const DOCKER: Files = {
  'c.json': configFor(layer),
  'l/layer.tar': layer,
  'manifest.json': JSON.stringify([{ Config: 'c.json', RepoTags: [NAME], Layers: ['l/layer.tar'] }]),
};

function layoutOf({ manifest, all }: MadeImage): Files {
  const annotations = { 'org.opencontainers.image.ref.name': NAME };
  const files: Files = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest.descriptor, annotations }] }),
  };
  for (const { descriptor, bytes } of all) files[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes;
  return files;
}

function renamed(files: Files, rename: (path: string) => string): Files {
  return Object.fromEntries(Object.entries(files).map(([path, body]) => [rename(path), body]));
}

describe('images that lie elsewhere in an archive than others look for them', () => {
  const { path, openBytes } = useArchives();
  let layout: Files;
  before(async () => {
    layout = layoutOf(await makeImage({ seed: 'misplaced', layers: [100] }));
  });

  const inFolder = (folder: string, files: Files): Files => renamed(files, (name) => `${folder}/${name}`);
  const backslashed = (files: Files): Files => renamed(files, (name) => name.replaceAll('/', '\\'));

  const FORMS: [title: string, files: () => Files, remark: RegExp][] = [
    ['a layout in a folder', () => inFolder('images', layout), /lie in the folder images/],
    [
      'a layout deep in folders',
      () => inFolder('home/me/images', layout),
      /lie in the folder home\/me\/images/,
    ],
    ['a docker-archive in a folder', () => inFolder('app', DOCKER), /lie in the folder app/],
    [
      'a folder beside a README and files of macOS',
      () => ({ 'README.md': 'x', ...inFolder('a', layout), '._a': 'x', '__MACOSX/a/._index.json': 'x' }),
      /lie in the folder a/,
    ],
    ['names with backslashes', () => backslashed(layout), /backslashes/],
    ['names of a docker-archive with backslashes', () => backslashed(DOCKER), /backslashes/],
    ['a folder, in names with backslashes', () => backslashed(inFolder('a', layout)), /backslashes/],
  ];
  for (const [title, files, remark] of FORMS) {
    it(`are read, and copied into an archive as it should be: ${title}`, async () => {
      const store = await openBytes(gzipSync(tarOf(files())));
      assert.deepEqual(await namesOf(store), [NAME]);
      const { root } = await readImage(store, NAME);
      const verified = await verify(path('archive.tar'));
      assert.deepEqual(verified.findings, []);
      assert.ok(verified.notes.some(({ code, message }) => code === 'ODD_ARCHIVE' && remark.test(message)));
      assert.ok(!verified.notes.some(({ code }) => code === 'UNREFERENCED'));

      await copyImages({ source: path('archive.tar'), destination: path('copy.tar') });
      const copied = await verify(path('copy.tar'));
      assert.deepEqual([copied.findings, copied.notes], [[], []]);
      assert.ok(copied.documents.some(({ digest }) => digest === root.digest));
    });
  }

  it('are damaged there as anywhere', async () => {
    const files = inFolder('a', layout);
    const blob = Object.keys(files).find((name) => name.includes('blobs/')) ?? '';
    await writeFile(path('a.tar'), tarOf({ ...files, [blob]: 'other' }));
    assert.ok(!(await verify(path('a.tar'))).ok);
  });

  it('are refused where a backslash makes one name of two', async () => {
    const twice = { ...DOCKER, 'l\\layer.tar': plainLayer('other') };
    await assert.rejects(openBytes(tarOf(twice)), {
      code: 'INVALID_ARCHIVE',
      message: /as the same name/,
    });
  });
});

describe('an archive without images', () => {
  const { path, open, openBytes } = useArchives();

  const KINDS: [title: string, files: Files, told: RegExp, hint: RegExp][] = [
    [
      'two folders of images',
      { ...renamed(DOCKER, (name) => `a/${name}`), ...renamed(DOCKER, (name) => `b/${name}`) },
      /not at|its folder a and in 1 more/,
      /tar -xf .*name that folder/,
    ],
    [
      'a folder of images among others',
      { ...renamed(DOCKER, (name) => `opt/a/${name}`), 'usr/x/y': '' },
      /its folder opt\/a/,
      /tar -xf/,
    ],
    [
      'a file system',
      { 'bin/sh': 'x', 'etc/passwd': 'x', 'usr/lib/app/manifest.json': '{}' },
      /docker export/,
      /docker import/,
    ],
    [
      'an archive in it',
      { 'images.tar.gz': 'x', README: 'x' },
      /images\.tar\.gz among them/,
      /tar -xf .* images\.tar\.gz/,
    ],
    ['a chart', { 'app/Chart.yaml': 'x', 'app/values.yaml': 'x' }, /Helm chart/, /helm push/],
    ['what is built', { Dockerfile: 'FROM x', 'main.go': 'x' }, /built from/, /docker build/],
    ['blobs alone', { [`blobs/sha256/${'a'.repeat(64)}`]: 'x' }, /lost its index\.json/, /all of its files/],
    ['one file', { 'data.bin': 'x' }, /one file, data\.bin/, /docker save/],
    ['other files', { 'a/b': 'x', 'c/d': 'x' }, /neither index\.json nor/, /tar -tf/],
    ['directories alone', { 'a/': '' }, /a tar of no files/, /compare its checksum/],
    ['nothing', {}, /nothing but zeros/, /compare its checksum/],
  ];
  for (const [title, files, told, hint] of KINDS) {
    it(`is called what it is: ${title}`, async () => {
      await assert.rejects(openBytes(tarOf(files)), (error: ContentError) => {
        assert.equal(error.code, 'INVALID_ARCHIVE');
        assert.match(error.message, told);
        assert.match(error.hint ?? '', hint);
        return true;
      });
    });
  }

  it('has a directory named that holds them', async () => {
    await mkdir(path('parent/layout'), { recursive: true });
    await writeFile(path('parent/layout/index.json'), '{"schemaVersion":2,"manifests":[]}');
    await writeFile(path('parent/layout/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const hint = new RegExp(`Name that folder: ${path('parent')}/layout`);
    await assert.rejects(open(path('parent')), { code: 'INVALID_LAYOUT', hint });
  });

  it('has no name that can be typed where it came as a stream', async () => {
    const { load } = await import('../../../src/operations/load.js');
    const { Readable } = await import('node:stream');
    const input = Readable.from([tarOf({ 'a/b': 'x', 'c/d': '' })], { objectMode: false });
    await assert.rejects(load({ input, destination: '127.0.0.1:1' }), {
      message: /^standard input holds no images/,
      hint: /tar -tf FILE/,
    });
  });
});
