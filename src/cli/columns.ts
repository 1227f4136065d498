import { printable } from '../index.js';
import { cutEnd, cutMiddle, pad, widthOf } from './width.js';

/** A column of a table with a header. */
export interface Column {
  header: string;
  cells: readonly string[];
  align?: 'left' | 'right';
  /** Cells that say less, for a terminal that has no room for the others. */
  short?: readonly string[] | undefined;
  /** Where to cut cells that are still too wide; default: never. */
  cut?: 'middle' | 'end' | undefined;
  /** The width that a column which is cut keeps, as long as others can be left out; default 16. */
  least?: number | undefined;
  /** The column with the highest number is left out first if the table is still too wide; default: never. */
  leaveOut?: number | undefined;
}

const LEAST = 16;
/** Of most names, the registry, the last part of the repository and the tag can be read. */
export const LEAST_OF_NAMES = 28;
const GAP = '  ';

/**
 * Formats a table. On a terminal with `width` columns, each row is one line: cells are shortened, then cut, then whole
 * columns are left out. Without a width, everything is shown.
 */
export function formatColumns(columns: readonly Column[], width?: number): string {
  let shown: Column[] = columns.map((column) => ({ ...column, cells: column.cells.map(printable) }));
  if (width !== undefined && tableWidth(shown) > width) {
    shown = shown.map((column) => ({ ...column, cells: column.short?.map(printable) ?? column.cells }));
    while (leastWidth(shown) > width) {
      const [first] = shown
        .filter(({ leaveOut }) => leaveOut !== undefined)
        .sort((a, b) => (b.leaveOut ?? 0) - (a.leaveOut ?? 0));
      if (first === undefined) break;
      shown = shown.filter((column) => column !== first);
    }
    shown = cutToFit(shown, width);
  }
  const widths = shown.map(widthOfColumn);
  const rows = [
    shown.map(({ header }) => header),
    ...(columns[0]?.cells ?? []).map((_, row) => shown.map(({ cells }) => cells[row] ?? '')),
  ];
  const formatRow = (row: string[]): string =>
    row
      .map((cell, place) => pad(cell, widths[place] ?? 0, shown[place]?.align === 'right' ? 'left' : 'right'))
      .join(GAP)
      .trimEnd();
  return rows.map((row) => `${formatRow(row)}\n`).join('');
}

function widthOfColumn({ header, cells }: Column): number {
  return cells.reduce((widest, cell) => Math.max(widest, widthOf(cell)), header.length);
}

function tableWidth(columns: readonly Column[], widthOfOne = widthOfColumn): number {
  return columns.reduce((sum, column) => sum + widthOfOne(column) + GAP.length, -GAP.length);
}

function leastWidth(columns: readonly Column[]): number {
  return tableWidth(columns, (column) =>
    column.cut === undefined ? widthOfColumn(column) : Math.min(widthOfColumn(column), column.least ?? LEAST),
  );
}

/** Cuts the widest column again and again until the table fits. */
function cutToFit(columns: readonly Column[], width: number): Column[] {
  const limits = new Map(columns.map((column) => [column, widthOfColumn(column)]));
  const limitOf = (column: Column): number => limits.get(column) ?? 0;
  const cuttable = columns.filter(({ cut }) => cut !== undefined);
  for (let over = tableWidth(columns) - width; over > 0; ) {
    const [widest, next] = [...cuttable].sort((a, b) => limitOf(b) - limitOf(a));
    if (widest === undefined || limitOf(widest) <= 1) break;
    const down = Math.max(1, limitOf(widest) - (next === undefined ? 1 : limitOf(next)));
    const taken = Math.min(over, down, limitOf(widest) - 1);
    limits.set(widest, limitOf(widest) - taken);
    over -= taken;
  }
  return columns.map((column) => {
    if (column.cut === undefined) return column;
    const cut = column.cut === 'middle' ? cutMiddle : cutEnd;
    const limit = limitOf(column);
    return {
      ...column,
      header: cutEnd(column.header, limit),
      cells: column.cells.map((cell) => cut(cell, limit)),
    };
  });
}
