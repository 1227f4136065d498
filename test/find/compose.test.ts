import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FindLimits } from '../../src/find/limits.js';
import { type FindResult, findImages, fullName } from '../../src/operations/find/find.js';
import { useFolder } from '../support/temporary.js';
import { COMPOSE_PROJECTS } from './compose-projects.js';

describe('findImages, given compose files,', () => {
  const path = useFolder();

  async function foundIn(
    files: Record<string, string>,
    { given = 'compose.yaml', limits }: { given?: string; limits?: FindLimits } = {},
  ): Promise<FindResult> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), text);
    }
    return findImages({ paths: [path(given)], limits });
  }

  async function unresolvedIn(files: Record<string, string>): Promise<string[]> {
    const { unresolved } = await foundIn(files);
    return unresolved.map(
      ({ file, line, text, reason }) => `${file.slice(path().length + 1)}:${line} ${text} (${reason})`,
    );
  }

  for (const { what, files, images, besides = [] } of COMPOSE_PROJECTS)
    it(`reads ${what}`, async () => {
      const result = await foundIn(files);
      assert.deepEqual(result.unresolved, []);
      assert.deepEqual(
        result.images.map(({ name }) => name).sort(),
        [...images, ...besides].map((name) => fullName(name)).sort(),
      );
    });

  it('reports which file, service or variable of another file is missing', async () => {
    const notThere = 'the file is not there, or outside of the folder that is read';
    assert.deepEqual(
      await unresolvedIn({
        'compose.yaml': `include:
  - {path: inc.yaml, env_file: none.env}
  - oci://registry.example.com/app:1
  - \${NOPE}/inc.yaml
services:
  a: {extends: {file: ../outside.yaml, service: web}}
  b: {extends: {file: base.yaml, service: none}}
  c: {extends: {file: base.yaml, service: web}}
  d: {extends: {file: base.yaml, service: $NOPE}}
`,
        'inc.yaml': `services: {a: {image: "a:\${T:-1}"}}\n`,
        'base.yaml': 'services:\n  web: {extends: gone}\n',
      }),
      [
        `compose.yaml:6 ../outside.yaml (${notThere})`,
        'compose.yaml:7 base.yaml (it has no service none)',
        'base.yaml:2 gone (there is no such service)',
        'compose.yaml:9 $NOPE (a variable has no value)',
        `compose.yaml:2 none.env (${notThere})`,
        'compose.yaml:3 oci://registry.example.com/app:1 (the file is on another machine)',
        `compose.yaml:4 \${NOPE}/inc.yaml (a variable has no value)`,
      ],
    );
  });

  it('reads no file over and over that files name in a circle, or very often', async () => {
    const often = '["a/x.yaml", "./a/x.yaml", "a/../a/x.yaml", "a//x.yaml"]';
    const chain = Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [
        `${'a/'.repeat(at)}x.yaml`,
        `include: ${often}\nservices: {s: {image: "depth:${at}"}}\n`,
      ]),
    );
    const many = await foundIn(chain, { given: 'x.yaml', limits: { maxFileBytes: 8192 } });
    assert.equal(many.images.length, 12);
    assert.deepEqual(
      many.unresolved.filter(({ reason }) => reason === 'too many files are read for the first one').length,
      1,
    );
    assert.deepEqual(
      await unresolvedIn({
        'compose.yaml': 'include: [one.yaml]\nservices: {a: {extends: {file: two.yaml, service: b}}}\n',
        'one.yaml': 'include: [three.yaml, three.yaml]\n',
        'three.yaml': 'include: [one.yaml]\nservices: {t: {image: "t:1"}}\n',
        'two.yaml': 'services: {b: {extends: {file: two.yaml, service: b}}}\n',
      }),
      [
        'two.yaml:1 two.yaml (too many files lead from one to the next)',
        'three.yaml:1 one.yaml (too many files lead from one to the next)',
      ],
    );
  });

  it('takes the platform of a service from its variables', async () => {
    const { images } = await foundIn({
      'compose.yaml': `services: {a: {image: "a:1", platform: "\${P:-linux/arm64}"}}\n`,
    });
    assert.equal(images[0]?.origins[0]?.platform, 'linux/arm64');
  });

  it('leaves the includes of a pipeline of GitLab alone', async () => {
    const { images, unresolved } = await foundIn(
      {
        '.gitlab-ci.yml': 'include: [/templates/all.yml]\n',
        'a.yaml': 'include: [{local: /templates/all.yml}]\n',
      },
      { given: '' },
    );
    assert.deepEqual([images, unresolved], [[], []]);
  });
});
