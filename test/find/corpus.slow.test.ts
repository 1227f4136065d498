import assert from 'node:assert/strict';
import { type Judged, judgeCorpus } from './corpus.js';

/** What the corpus asks for: `fixtures/find/README.md`. */
const GOALS = { recall: 0.99, precision: 0.98 };

describe('the corpus for finding images', () => {
  for (const half of ['open', 'sealed'] as const) {
    it(`has recall and precision in its ${half} half`, async () => {
      const judged = await judgeCorpus(half);
      assert.equal(judged.length, 68);
      const { recall, precision, unresolved, text } = figuresOf(judged);
      console.log(`      ${half}: ${text}`);
      // Numbers alone: the authors of the finder do not read the sealed half.
      assert.ok(recall >= GOALS.recall && precision >= GOALS.precision && unresolved >= GOALS.recall, text);
      assert.equal(
        sumOf(judged, ({ forbidden }) => forbidden),
        0,
      );
      assert.equal(
        sumOf(judged, ({ problems }) => problems),
        0,
      );
    });
  }
});

function figuresOf(judged: readonly Judged[]) {
  const [right, missed, wrong] = [
    sumOf(judged, (each) => each.right),
    sumOf(judged, (each) => each.missed),
    sumOf(judged, (each) => each.wrong),
  ];
  const [told, untold, invented] = [
    sumOf(judged, (each) => each.unresolved.right),
    sumOf(judged, (each) => each.unresolved.missed),
    sumOf(judged, (each) => each.unresolved.wrong),
  ];
  const [recall, precision, unresolved] = [
    right / (right + missed),
    right / (right + wrong),
    told / (told + untold),
  ];
  const text = `recall ${percent(recall)} (${missed} of ${right + missed} missed), precision ${percent(precision)} (${wrong} wrong); unresolved ${told} of ${told + untold}, ${invented} besides`;
  return { recall, precision, unresolved, text };
}

function sumOf(judged: readonly Judged[], of: (each: Judged) => readonly string[]): number {
  return judged.reduce((sum, each) => sum + of(each).length, 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
