/** The results of the attacks of a group. */
interface Count {
  refused: number;
  harmless: number;
  passed: number;
}

const counts = new Map<string, Count>();

/** Counts an attack, which has passed until `end` says that it was refused or harmless. */
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

// Prints the totals after the last test of the run.
after(() => {
  process.stdout.write(describeCounts());
});

/** Returns a line for each group, and their totals; empty if nothing was counted. */
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
