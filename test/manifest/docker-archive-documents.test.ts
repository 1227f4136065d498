import assert from 'node:assert/strict';
import {
  parseArchiveManifest,
  parseArchiveRepositories,
} from '../../src/manifest/docker-archive-documents.js';
import { fixture, json } from '../support/fixtures.js';

const INVALID = { code: 'INVALID_ARCHIVE' };
const ID = 'b'.repeat(64);
const DIGEST = `sha256:${ID}`;

describe('parseArchiveManifest', () => {
  const parse = (value: unknown) => parseArchiveManifest(json(value), 'x.tar: manifest.json');

  it('reads the images of an archive', () => {
    const source = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: DIGEST, size: 7 };
    const element = {
      Config: 'c.json',
      RepoTags: ['app:1', 'app:2'],
      Layers: ['a/layer.tar'],
      Parent: DIGEST,
      LayerSources: { [DIGEST]: source },
    };
    assert.deepEqual(parse([element]), [
      {
        config: 'c.json',
        repoTags: ['app:1', 'app:2'],
        layers: ['a/layer.tar'],
        parent: DIGEST,
        layerSources: new Map([[DIGEST, source]]),
      },
    ]);
  });

  it('reads null lists as empty ones, and an archive of no images', () => {
    assert.deepEqual(parse([{ Config: 'c', RepoTags: null, Layers: null }]), [
      { config: 'c', repoTags: [], layers: [], layerSources: new Map() },
    ]);
    assert.deepEqual(parse([]), []);
  });

  it('refuses null, and images without a config', () => {
    for (const value of [null, {}, [null], [{}], [{ Config: '' }], [{ Config: 'c', Layers: [1] }]])
      assert.throws(() => parse(value), INVALID);
  });

  it('leaves out layer sources that are not named by digests, or that are no descriptors', () => {
    const digest = `sha256:${'e'.repeat(64)}`;
    for (const LayerSources of [
      { '../x': { digest, size: 1 } },
      { [digest]: {} },
      { [digest]: null },
      [],
      'x',
    ])
      assert.equal(parse([{ Config: 'c', LayerSources }])[0]?.layerSources.size, 0);
  });

  it('tells names that are no text from those that may be names', () => {
    const read = (RepoTags: unknown) => parse([{ Config: 'c', RepoTags }])[0];
    assert.deepEqual(read([null, 'a:1', 7])?.repoTags, ['a:1']);
    assert.deepEqual(
      read([null, 'a:1', 7])?.tagProblems?.map((problem) => problem.split(' is ')[0]),
      ['null', '7'],
    );
    assert.match(read('a:1')?.tagProblems?.join() ?? '', /^RepoTags is the string "a:1" instead of a list/);
    assert.match(read({ a: 1 })?.tagProblems?.join() ?? '', /^RepoTags is \{"a":1\} instead of a list/);
  });

  it('reads what docker 25 writes', () => {
    const bytes = fixture('docker-archives/docker25-graphdriver/manifest.json');
    const [image] = parseArchiveManifest(bytes, 'manifest.json');
    assert.deepEqual(image?.repoTags, ['app:linux']);
    assert.equal(image?.layerSources.size, 1);
  });
});

describe('parseArchiveRepositories', () => {
  const parse = (value: unknown) => parseArchiveRepositories(json(value), 'x.tar: repositories');

  it('reads the tags of every repository', () => {
    assert.deepEqual(parse({ 'example.com/app': { 1: ID, latest: ID }, other: {} }), [
      { repository: 'example.com/app', tag: '1', v1ID: ID },
      { repository: 'example.com/app', tag: 'latest', v1ID: ID },
    ]);
  });

  it('refuses IDs that could be paths', () => {
    for (const value of [null, [], { a: null }, { a: { b: '../../etc' } }, { a: { b: ID.toUpperCase() } }])
      assert.throws(() => parse(value), INVALID);
  });

  it('reads what docker 25 writes', () => {
    const bytes = fixture('docker-archives/docker25-graphdriver/repositories');
    assert.equal(parseArchiveRepositories(bytes, 'repositories')[0]?.repository, 'app');
  });
});
