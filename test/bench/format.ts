/** Flat at any size and any count. */
const PEAK_GOAL_BYTES = 150 * 1024 * 1024;

/** A table in Markdown, line by line. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** lading's peak beside its goal. */
export function peakLine(peaks: readonly number[]): string {
  const peak = Math.max(...peaks);
  return `lading's peak: ${mebibytes(peak)} (goal 150 MiB: ${peak <= PEAK_GOAL_BYTES ? 'met' : 'missed'}).`;
}
