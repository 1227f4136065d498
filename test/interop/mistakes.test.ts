import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { leaveOut, leaveOutAlways, needs } from '../support/needs.js';
import { peer } from '../support/programs/peers.js';
import { run } from '../support/programs/run.js';
import { type Answers, askAll } from './mistakes/answers.js';
import { blockIn, documentOf, hasVersion } from './mistakes/document.js';
import { MISTAKES, PROGRAMS } from './mistakes/mistakes.js';

describe('docs/mistakes.md shows what is printed today', () => {
  let kept: string;
  let answers: Answers;

  before(async function () {
    needs(
      this,
      'root',
      'docker-registry',
      'htpasswd',
      'docker',
      'dockerd',
      'containerd',
      'skopeo',
      'ip',
      'curl',
    );
    if ((await run('unshare', ['--net', '--mount', 'true'])).code !== 0)
      leaveOut(this, 'leave to make namespaces');
    const crane = await peer(this, 'crane');
    const oras = await peer(this, 'oras');
    kept = await readFile(new URL('../../docs/mistakes.md', import.meta.url), 'utf8');
    answers = await askAll({ crane: crane.program, oras: oras.program });
  });

  for (const program of PROGRAMS)
    it(`by ${program}`, function () {
      // A new release may print something else: the document names the version that it is about.
      if (!hasVersion(kept, program, answers.versions))
        leaveOutAlways(this, `the version of ${program} in docs/mistakes.md`);
      const now = documentOf(answers);
      for (const place of MISTAKES.keys())
        assert.equal(blockIn(kept, place, program), blockIn(now, place, program));
    });
});
