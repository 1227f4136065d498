/** What became of attacks, by their group. */
interface Count {
  refused: number;
  harmless: number;
  passed: number;
}

const counts = new Map<string, Count>();

/** Counts an attack as passed until it is said to be refused, or to have done nothing. */
export function countAttack(group: string): { end(outcome: 'refused' | 'harmless'): void } {
  const count = counts.get(group) ?? { refused: 0, harmless: 0, passed: 0 };
  counts.set(group, count);
  count.passed += 1;
  return {
    end(outcome) {
      count.passed -= 1;
      count[outcome] += 1;
    },
  };
}

// After the last test of the whole run, as figures of what was attacked.
after(() => {
  process.stdout.write(describeCounts());
});

/** A line a group, and their sum; empty where nothing was counted. */
function describeCounts(): string {
  if (counts.size === 0) return '';
  const sum: Count = { refused: 0, harmless: 0, passed: 0 };
  for (const count of counts.values())
    for (const key of ['refused', 'harmless', 'passed'] as const) sum[key] += count[key];
  const width = Math.max(...[...counts.keys()].map(({ length }) => length));
  const lines = [...counts, ['all attacks', sum] as const].map(
    ([group, { refused, harmless, passed }]) =>
      `    ${group.padEnd(width)}  ${refused} refused, ${harmless} without effect, ${passed} passed`,
  );
  return `\n  attacks\n${lines.join('\n')}\n`;
}
