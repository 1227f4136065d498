/** Prints rows with the same members as a table. */
export function printTable(title: string, rows: readonly object[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row).map(String))];
  const widths = Object.keys(first).map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const written = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  console.log(`\n    ${title}\n    ${written.join('\n    ')}\n`);
}
