import assert from 'node:assert/strict';
import { drawPanels } from './growth-chart.js';
import { panelsOf } from './growth-report.js';

const median = { wallSeconds: 1.5, processorSeconds: 1, peakBytes: 100 * 2 ** 20 };

describe('the drawing of growth', () => {
  const panels = panelsOf({
    work: 'save',
    against: 'bytes',
    points: [
      { x: 10e6, tools: [{ tool: 'lading', median, runs: [] }] },
      {
        x: 100e6,
        tools: [
          { tool: 'lading', median, runs: [] },
          { tool: 'skopeo', median, runs: [] },
        ],
      },
    ],
  });

  it('has a line for each tool, in seconds and in MiB, over what is measured against', () => {
    assert.deepEqual(
      panels.map(({ title, yName, lines }) => ({ title, yName, lines })),
      [
        {
          title: 'save: time',
          yName: 'seconds',
          lines: [
            { name: 'lading', points: [[10, 1.5], [100, 1.5]] }, // biome-ignore format: points
            { name: 'skopeo', points: [[100, 1.5]] },
          ],
        },
        {
          title: 'save: peak memory',
          yName: 'MiB',
          lines: [
            { name: 'lading', points: [[10, 100], [100, 100]] }, // biome-ignore format: points
            { name: 'skopeo', points: [[100, 100]] },
          ],
        },
      ],
    );
  });

  it('is an SVG document with titles, axes and the names of the tools', () => {
    const svg = drawPanels('Growth & more', 'a machine', panels);
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assertBalanced(svg);
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    for (const text of [
      ...['Growth &amp; more', 'a machine', 'lading', 'skopeo'],
      ...['save: time', 'save: peak memory', 'seconds', 'MiB', 'size of the image (MB)'],
    ])
      assert.ok(texts.includes(text), `${text} is not among ${texts.join(', ')}`);
    assert.ok(
      [...svg.matchAll(/<(?:path|polyline)[^>]*stroke="#d55e00"/g)].length >= 2,
      'a line in each panel',
    );
  });
});

/** Every element that begins ends, in turn. */
function assertBalanced(xml: string): void {
  const open: string[] = [];
  for (const [, slash, name, empty] of xml.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (slash === '/') assert.equal(open.pop(), name);
    else if (empty !== '/') open.push(name ?? '');
  }
  assert.deepEqual(open, []);
}
