import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMANDS } from '../../src/cli/commands.js';
import { describeCommand } from '../../src/cli/describe-command.js';
import { type Block, rewrite } from './blocks.js';
import { listPages, pageNow, ROOT, readPage } from './pages.js';

describe('the pages', () => {
  it('have the commands, flags and exit codes of the help, figures of the benchmark, and examples as they are in their files', async () => {
    for (const page of await listPages())
      assert.equal(
        await pageNow(page, { withRuns: false }),
        await readPage(page),
        `npm run docs writes ${page}`,
      );
  });

  it('name every flag', async () => {
    const names = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
    const text = (await Promise.all(names.map((name) => readPage(`docs/${name}`)))).join('\n');
    for (const command of COMMANDS)
      for (const { name } of (await describeCommand(command)).options)
        assert.match(text, new RegExp(`--(\\[no-\\])?${name}(?![\\w-])`), `${command.name} --${name}`);
  });

  it('are at most 250 lines in README.md', async () => {
    const readme = await readPage('README.md');
    assert.ok(readme.trimEnd().split('\n').length <= 250);
  });
});

describe('rewrite', () => {
  const make = async (block: Block): Promise<string[]> => [JSON.stringify(block)];

  it('gives the commands of a block with their setup, and leaves everything else as it is', async () => {
    const page = [
      '# a',
      '<!-- run',
      'mkdir b',
      '-->',
      '```',
      '$ one',
      'old',
      '$ two \\',
      '  three',
      '```',
      'end',
    ];
    const run = { kind: 'run', setup: ['mkdir b'], commands: ['one', 'two \\\n  three'] };
    const content = page.slice(5, 9);
    assert.equal(
      await rewrite(page.join('\n'), make),
      [...page.slice(0, 5), JSON.stringify({ ...run, content }), ...page.slice(9)].join('\n'),
    );
  });

  it('has tables of flags and files', async () => {
    const page = [
      '<!-- flags of save -->',
      '| x |',
      '<!-- end -->',
      '<!-- file a.mjs -->',
      '```js',
      'x',
      '```',
    ];
    const expected = page.with(1, '{"kind":"flags","of":"save"}').with(5, '{"kind":"file","name":"a.mjs"}');
    assert.equal(await rewrite(page.join('\n'), make), expected.join('\n'));
  });

  it('refuses a block that has no end, and a comment without a block', async () => {
    await assert.rejects(rewrite('<!-- run -->\n```\n$ a', make), /line 1: no ``` ends the block/);
    await assert.rejects(rewrite('<!-- run -->\ntext', make), /line 2 is not a fence/);
    await assert.rejects(rewrite('<!-- flags of save -->', make), /no <!-- end --> ends the block/);
  });
});
