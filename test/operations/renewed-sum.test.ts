import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { save } from '../../src/operations/save.js';
import { fixturePath } from '../support/fixtures.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const SOURCE = fixturePath('archives/docker20-multi.tar');
const OTHER = `${'0'.repeat(64)}  other.tar`;

/** `sha256sum -c` would say that an archive is damaged which was added to. */
describe('SHA256SUMS beside an archive or layout that changes', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let events: CopyEvent[];
  before(async () => {
    registry = await startRegistry();
    for (const name of ['a', 'b']) await registry.put(`${name}:1`, await makeImage({ seed: name }));
  });
  after(() => registry.close());
  beforeEach(() => {
    events = [];
  });

  const onEvent = (event: CopyEvent): void => void events.push(event);
  const saving = (image: string, output: string) =>
    save({ images: [`${registry.name}/${image}`], output, append: true, onEvent });
  const sums = () => readFile(path('SHA256SUMS'), 'utf8');
  const sumOf = async (name: string) =>
    createHash('sha256')
      .update(await readFile(path(name)))
      .digest('hex');
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

  const WRITERS: Record<string, (output: string) => Promise<unknown>> = {
    save: (output) => saving('b:1', output),
    copy: (destination) => copyImages({ source: SOURCE, destination, onEvent }),
    convert: (output) => convert({ source: SOURCE, output, to: 'oci', append: true, onEvent }),
  };
  for (const [name, write] of Object.entries(WRITERS))
    for (const [output, summed] of [
      ['images.tar', 'images.tar'],
      ['layout/', 'layout/index.json'],
    ] as const)
      it(`has its sum renewed by ${name} to ${output}, in its place, and the user is told`, async () => {
        await saving('a:1', path(output));
        const before = await sumOf(summed);
        await writeFile(path('SHA256SUMS'), `${before} *./${summed}\n${OTHER}\n`);
        await write(output.endsWith('/') ? `${path(output)}/` : path(output));
        assert.notEqual(await sumOf(summed), before);
        assert.equal(await sums(), `${await sumOf(summed)}  ${summed}\n${OTHER}\n`);
        assert.equal(
          warnings().filter((text) => /SHA256SUMS: the sum of .* was renewed/.test(text)).length,
          1,
        );
      });

  it('stays as it is if it does not name the archive, or the archive does not change', async () => {
    await writeFile(path('SHA256SUMS'), OTHER);
    await saving('a:1', path('images.tar'));
    assert.equal(await sums(), OTHER);
    const named = `${'1'.repeat(64)}  images.tar\n`;
    await writeFile(path('SHA256SUMS'), named);
    await save({ images: [`${registry.name}/a:1`], output: path('images.tar'), onEvent });
    assert.equal(await sums(), named);
    assert.deepEqual(warnings(), []);
  });

  it('is not made, and one that cannot be read is told without an error', async () => {
    await saving('a:1', path('images.tar'));
    await assert.rejects(sums(), { code: 'ENOENT' });
    await mkdir(path('SHA256SUMS'));
    await saving('b:1', path('images.tar'));
    assert.match(warnings().join('\n'), /SHA256SUMS may have the sum of .*images\.tar as it was before: /);
    await rm(path('SHA256SUMS'), { recursive: true });
  });
});
